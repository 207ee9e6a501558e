"""Every sentence that anyone reads. Short, as most are read on a phone; members' words go through `sanitize`."""
