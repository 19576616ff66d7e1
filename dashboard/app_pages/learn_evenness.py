"""Why refit, why evenness: the same totals met by few households badly, and by more of them well."""

from dashboard.learn import evenness, page

page.show(evenness.LESSON)
