"""A newcomer opens the sandbox in a browser, types /imagine, and presses the buttons."""

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Locator, Page, async_playwright

CHROMIUM = shutil.which("chromium")
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
)
START_TIMEOUT_S = 120
PATIENCE_MS = 120_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@asynccontextmanager
async def sandbox() -> AsyncIterator[str]:
    """Run `easel demo` and yield its address."""
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "demo", "--port", "0", stdout=PIPE, start_new_session=True
    )
    assert demo.stdout is not None
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            line = (await demo.stdout.readline()).decode()
        yield line[line.index("http") :].strip()
    finally:
        os.kill(demo.pid, signal.SIGINT)
        await demo.communicate()


@asynccontextmanager
async def open_page(address: str) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_OPTIONS))
        page = await browser.new_page(viewport={"width": 1200, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        await page.goto(address)
        try:
            yield page
        finally:
            await browser.close()


async def imagine(page: Page, prompt: str) -> None:
    await page.get_by_role("textbox", name="Message").last.click()
    await page.keyboard.type("/imagine")
    await page.get_by_role("option", name="/imagine").wait_for()
    await page.keyboard.press("Enter")
    await page.keyboard.type(prompt)
    await page.keyboard.press("Enter")


def message(page: Page, number: int) -> Locator:
    """Return the bot's message of that number, from 0."""
    return page.locator("article, [data-message-id]").nth(number)


async def test_imagine_then_reroll_then_vary_each_show_a_picture() -> None:
    async with sandbox() as address, open_page(address) as page:
        await imagine(page, "a red apple")
        await page.get_by_role("button", name="Reroll").wait_for()
        assert await page.locator("img[alt*='png' i], .attachment img").count() >= 1
        await page.get_by_role("button", name="Reroll").click()
        await page.get_by_role("button", name="Reroll").nth(1).wait_for()
        await page.get_by_role("button", name="Vary subtle").first.click()
        await page.get_by_role("button", name="Reroll").nth(2).wait_for()
