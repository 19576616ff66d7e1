"""Challenge: the fewest households, and evenly; a board of nicknames."""

from dashboard.learn import challenge, page

page.show(challenge.LESSON)
