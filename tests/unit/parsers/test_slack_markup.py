from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.parsers.slack_markup import Names, decode_entities, render_markup

NAMES = Names(users={"U1": "ada", "W2": "grace hopper"}, channels={"C1": "general"})


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<@U1> and <@W2>", "@ada and @grace hopper"),
        ("<@U1|old name>", "@ada"),
        ("<@U9|eve>", "@eve"),
        ("<@U9|@eve>", "@eve"),
        ("<@U9>", "@U9"),
        ("<#C1>", "#general"),
        ("<#C1|renamed>", "#renamed"),
        ("<#C1|>", "#general"),
        ("<#G9>", "#G9"),
        ("<!here> <!channel> <!everyone>", "@here @channel @everyone"),
        ("<!here|here> <!channel|@channel>", "@here @channel"),
        ("<!subteam^S1|@sales>", "@sales"),
        ("<!subteam^S1>", "@S1"),
        ("<!date^1392734382^{date}|Feb 18>", "Feb 18"),
        ("<!date^1392734382^{date}>", "2014-02-18 14:39 UTC"),
        ("<!date^99999999999999^{date}>", "99999999999999"),
        ("<!foo|bar>", "bar"),
        ("<!foo>", "@foo"),
    ],
)
def test_mentions_become_names(markup: str, text: str) -> None:
    assert render_markup(markup, NAMES) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<https://a.example/x>", "https://a.example/x"),
        ("<https://a.example/x|the page>", "the page (https://a.example/x)"),
        ("<https://a.example|https://a.example>", "https://a.example"),
        ("<http://a.example|a.example>", "a.example"),
        ("<http://a.example/|a.example>", "a.example"),
        ("<https://a.example/?a=1&amp;b=2>", "https://a.example/?a=1&b=2"),
        ("<mailto:a@b.example|a@b.example>", "a@b.example"),
        ("<mailto:a@b.example|write us>", "write us (a@b.example)"),
        ("<mailto:a@b.example>", "a@b.example"),
        ("<tel:123|123>", "123"),
        ("<ssh://git.example/x>", "ssh://git.example/x"),
    ],
)
def test_links_become_readable(markup: str, text: str) -> None:
    assert render_markup(markup, NAMES) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a &lt; b &amp;&amp; c &gt; d", "a < b && c > d"),
        ("&amp;lt;", "&lt;"),
        ("&lt;@U1&gt;", "<@U1>"),
        ("&quot; &nbsp;", "&quot; &nbsp;"),
    ],
    ids=["all three", "escaped twice", "escaped mention", "no escapes of Slack's"],
)
def test_entities_are_decoded_last_and_once(markup: str, text: str) -> None:
    assert render_markup(markup, NAMES) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("`a &lt;- b`", "`a <- b`"),
        ("```x *y* _z_ :tada: &amp;&amp;```", "```x *y* _z_ :tada: &&```"),
        ("`<http://System.IO|System.IO>.Strict`", "`System.IO.Strict`"),
        ("```\n<https://a.example|label>\n```", "```\nlabel\n```"),
        ("```<https://a.example/x>```", "```https://a.example/x```"),
        ("`&lt;@U1&gt;` <@U1>", "`<@U1>` @ada"),
        ("`<@U1>`", "`@ada`"),
    ],
)
def test_code_reads_as_it_was_typed(markup: str, text: str) -> None:
    assert render_markup(markup, NAMES) == text


@pytest.mark.parametrize(
    "text",
    ["*bold* _it_ ~gone~ :clap::skin-tone-2:", "a <- b <$> c <> d", "<repo>/x", "< @U1>", "<>"],
)
def test_everything_else_stays(text: str) -> None:
    assert render_markup(text, NAMES) == text


@given(st.text())
def test_escaped_text_is_read_back_whatever_it_is(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert render_markup(escaped, NAMES) == text


@given(st.text(alphabet="<>@#!|U1&;amplt`:/ah"))
def test_no_markup_breaks_the_rendering(text: str) -> None:
    assert isinstance(render_markup(text, NAMES), str)


def test_entities_without_ampersand_cost_nothing() -> None:
    text = "plain"
    assert decode_entities(text) is text
