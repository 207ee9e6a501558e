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
from playwright.async_api import Locator, Page, async_playwright, expect

CHROMIUM = shutil.which("chromium")
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
)
START_TIMEOUT_S = 600
PATIENCE_MS = 600_000
TURNED_OFF = "This server's moderators have turned off"

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
        expect.set_options(timeout=PATIENCE_MS)
        await page.goto(address)
        # The page tells its size first, and would pass over an Enter that comes before it has been heard.
        await page.get_by_text("Viewport updated").wait_for()
        try:
            yield page
        finally:
            await browser.close()


async def run_command(page: Page, command: str, first_option: str) -> None:
    """Type a slash command as a member does, with a value for its first option."""
    await page.get_by_role("textbox").first.click()
    await page.keyboard.type(command)
    await page.get_by_role("option").filter(has_text=command).first.wait_for()
    await page.keyboard.press("Enter")
    await page.keyboard.type(first_option)
    await page.keyboard.press("Enter")


def conversation(page: Page) -> Locator:
    """Return the channel's messages, without the list of them at the side."""
    return page.get_by_role("log")


async def picture(page: Page, number: int) -> Locator:
    """Wait for the bot's finished message of that number, from 0, and return it."""
    message = page.locator("article.channel-message").nth(number)
    await message.get_by_role("button", name="Reroll").wait_for()
    await expect(message.locator("img.attachment-image")).to_be_visible()
    return message


async def test_imagine_reroll_and_vary_each_show_a_picture_and_buttons_work_while_one_is_drawn() -> None:
    async with sandbox() as address, open_page(address) as page:
        await run_command(page, "/imagine", "a red apple")
        first = await picture(page, 0)
        # The second press comes while the first one's pictures are being drawn.
        await first.get_by_role("button", name="Reroll").click()
        await first.get_by_role("button", name="Vary subtle").click()
        second, third = await picture(page, 1), await picture(page, 2)
        shown = [
            await message.locator("img.attachment-image").get_attribute("src") for message in (first, second, third)
        ]
        assert len(set(shown)) == 3


async def test_a_model_denied_by_a_moderator_is_refused_to_members_and_to_old_buttons() -> None:
    async with sandbox() as address, open_page(address) as page:
        await run_command(page, "/imagine", "a red apple")
        old = await picture(page, 0)
        await page.get_by_label("Viewing as").select_option(label="olga")
        await run_command(page, "/admin models deny", "pocket")
        await expect(conversation(page)).to_contain_text("Members may no longer use pocket.")
        await page.get_by_label("Viewing as").select_option(label="mia")
        refusal = conversation(page).get_by_text(TURNED_OFF)
        await run_command(page, "/imagine", "a green apple")
        await expect(refusal).to_have_count(1)
        await old.get_by_role("button", name="Reroll").click()
        await expect(refusal).to_have_count(2)


async def test_a_blocked_concept_gets_a_kind_sentence_and_no_picture() -> None:
    async with sandbox() as address, open_page(address) as page:
        await run_command(page, "/imagine", "a gun")
        message = page.locator("article.channel-message").first
        await expect(message).to_contain_text("safety checker")
        await expect(message.locator("img.attachment-image")).to_have_count(0)
