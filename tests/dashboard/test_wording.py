"""Numbers as people read them."""

from __future__ import annotations

import doctest
import math

import pytest

from dashboard.kit import wording

CASES = [
    (wording.count, 12576, "12,576"), (wording.count, 12576.0, "12,576"), (wording.count, 0, "0"), (wording.count, -0.2, "0"),
    (wording.count, -1500, "−1,500"),
    (wording.short, 12576, "12.6 k"), (wording.short, 1000, "1 k"), (wording.short, 999, "999"), (wording.short, 999.7, "1 k"),
    (wording.short, 999_950, "1 M"), (wording.short, 1.48e13, "14.8 T"), (wording.short, 3e18, "3,000,000 T"), (wording.short, 0, "0"),
    (wording.short, -2500, "−2.5 k"), (wording.short, 0.05, "0.05"),
    (wording.percent, 0.0008, "0.08 %"), (wording.percent, 0.019, "1.9 %"), (wording.percent, 0.063, "6.3 %"), (wording.percent, 0.1, "10 %"),
    (wording.percent, 0.0996, "10 %"), (wording.percent, 0.937, "93.7 %"), (wording.percent, 0.99996, "> 99.9 %"), (wording.percent, 1, "100 %"),
    (wording.percent, 2.548, "254.8 %"), (wording.percent, 12.346, "1,235 %"), (wording.percent, 9.9999, "1,000 %"), (wording.percent, 3e6, "300 M %"),
    (wording.percent, 0, "0 %"), (wording.percent, -0.0, "0 %"), (wording.percent, 9.9e-6, "< 0.001 %"), (wording.percent, 1.4e-5, "0.0014 %"),
    (wording.percent, -0.019, "−1.9 %"), (wording.percent, -1e-9, "> −0.001 %"), (wording.percent, -0.9999, "< −99.9 %"),
    (wording.seconds, 3.2, "3.2 s"), (wording.seconds, 0.045, "45 ms"), (wording.seconds, 0, "0 s"), (wording.seconds, 9.96, "10 s"), (wording.seconds, 42.4, "42 s"),
    (wording.seconds, 59.7, "1 min"), (wording.seconds, 72, "1 min 12 s"), (wording.seconds, 3599.8, "1 h"), (wording.seconds, 3700, "1 h 2 min"),
    (wording.seconds, 86400 * 2 + 3 * 3600, "2 d 3 h"), (wording.seconds, -1, "0 s"),
    (wording.weight, 1234.5, "1,234.5"), (wording.weight, 1234, "1,234"), (wording.weight, 45678.9, "45,679"), (wording.weight, 0.01234, "0.0123"),
    (wording.weight, 0, "0"), (wording.weight, -3.14159, "−3.14"),
    (wording.ratio, 14.234, "14.2 ×"), (wording.ratio, 1820.4, "1,820 ×"), (wording.ratio, 1, "1 ×"),
    (wording.amount, 61, "61"), (wording.amount, 1.48e13, "14.8 T"), (wording.amount, -2e6, "−2 M"),
    (wording.size, 512, "512 bytes"), (wording.size, 71_400_000, "71.4 MB"), (wording.size, 0, "0 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "number", "text"), CASES)
def test_numbers_read_as_people_write_them(function, number, text):
    assert function(number) == text


@pytest.mark.parametrize(
    "function",
    [wording.count, wording.short, wording.percent, wording.seconds, wording.weight, wording.ratio, wording.amount, wording.size],
)
@pytest.mark.parametrize("nothing", [None, math.nan, math.inf])
def test_what_is_missing_is_a_dash(function, nothing):
    assert function(nothing) == "–"


def test_a_part_says_what_it_is_out_of():
    assert wording.of(3763, 200576) == "3,763 of 200,576 (1.9 %)"
    assert wording.of(0, 0) == "0 of 0 (–)"


def test_plural():
    assert [wording.plural(n, "household") for n in (0, 1, 2500)] == ["0 households", "1 household", "2,500 households"]
    assert wording.plural(2, "entry", "entries") == "2 entries"


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(wording).failed == 0


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("*a*_b_[x](y).csv", r"\*a\*\_b\_\[x\](y).csv"),
        ("<b> &amp; | # $x$ ~y~", r"\<b\> \&amp; \| \# \$x\$ \~y\~"),
        ("- no list", r"\- no list"),
        ("a :red[b] https://x", r"a \:red\[b\] https\://x"),
        ("Half (1.2 %): 3-4, said he!", "Half (1.2 %): 3-4, said he!"),
    ],
)
def test_a_name_from_outside_is_read_as_it_stands(text, read):
    assert wording.markdown(text) == read
