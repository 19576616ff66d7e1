"""What every trade uses: layout, charts, words, menus, live pictures."""
