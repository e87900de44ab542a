use std::time::Instant;

use proptest::prelude::*;

use super::*;

fn blocks(html: &str) -> Vec<String> {
    Document::parse(html).unwrap().blocks()
}

#[test]
fn a_number_split_over_tags_entities_and_comments_is_one_text() {
    assert_eq!(blocks("<p>08<b>12</b></p>"), ["0812"]);
    assert_eq!(blocks("<p>0&#56;<!-- x --><i>1</i><span style='color:red'>2</span></p>"), ["0812"]);
    assert_eq!(blocks("real&#64;mail.<b></b>example"), ["real@mail.example"]);
    assert_eq!(blocks("<td>08<td>12"), ["0812"]);
    assert_eq!(
        blocks("<table><tr><td>08</td><td>12</td></tr></table><div>next<br>line</div>"),
        ["08", "12", "next\nline"]
    );
}

#[test]
fn white_space_is_folded_as_a_reader_sees_it() {
    assert_eq!(blocks("<p>\n  call \n <b> 0812 </b>\n now</p>"), ["call 0812 now"]);
    assert_eq!(blocks("<pre>a\n  b</pre>"), ["a\n  b"]);
}

#[test]
fn what_the_reader_does_not_see_is_gone_and_the_rest_is_seen() {
    let html = "<html><head><title>secret</title><style>p{x:'secret'}</style></head>\
        <body style=\"background:url(http://t.example/secret)\"><!--[if mso]>secret<![endif]-->\
        <script>secret</script><svg><text>secret</text></svg>\
        <p title=secret class=secret id=secret data-x=secret>seen <img src=http://t.example/secret.gif alt=secret>\
        <img src=\"data:image/png;base64,secret\"><span style=\"display:none\">hidden becomes seen</span></p>\
        <form action=secret><input value=secret><textarea>secret</textarea></form><base href=//secret>\
        <ol start=secret><li value=secret>item</ol><td colspan=secret>cell</body></html>";
    let document = Document::parse(html).unwrap();
    assert!(!document.to_html().contains("secret"), "{}", document.to_html());
    assert_eq!(document.blocks(), ["seen hidden becomes seen", "item", "cell"]);
}

#[test]
fn a_cut_over_several_tags_leaves_one_replacement() {
    let mut document = Document::parse("<p>call 08<b>12</b>34 &amp; <i>wait</i></p><p>keep</p>").unwrap();
    document.rewrite(&[Some(vec![(5..11, "[phone]".to_owned())]), None]);
    assert_eq!(document.to_html(), "<p>call [phone]<b></b> &amp; <i>wait</i></p><p>keep</p>");
    assert_eq!(document.blocks(), ["call [phone] & wait", "keep"]);
}

#[test]
fn cuts_may_touch_overlap_or_reach_beyond_the_text() {
    let mut document = Document::parse("<p>abcdef</p>").unwrap();
    let cut = |range, put: &str| (range, put.to_owned());
    document.rewrite(&[Some(vec![cut(4..99, "Z"), cut(0..2, "X"), cut(2..4, "Y"), cut(3..3, "!")])]);
    assert_eq!(document.blocks(), ["XYZ"]);
}

#[test]
fn a_replacement_can_not_become_markup() {
    let mut document = Document::parse("<p>x</p>").unwrap();
    document.rewrite(&[Some(vec![(0..1, "<script>\"&".to_owned())])]);
    assert_eq!(document.to_html(), "<p>&lt;script&gt;&quot;&amp;</p>");
}

#[test]
fn only_allowed_links_stay_and_the_others_become_their_text() {
    let html = "<a href=\"https://market.example/a?b=1&amp;c=2\">good</a> <a href='javascript:x'>js</a> \
        <a href=mailto:real@mail.example>write</a> <a href=\"/x\">relative</a>";
    let mut document = Document::parse(html).unwrap();
    assert_eq!(document.links(), ["https://market.example/a?b=1&c=2", "mailto:real@mail.example"]);
    document.keep_links(&|link| link.starts_with("https://market.example/"));
    assert_eq!(document.to_html(), "<a href=\"https://market.example/a?b=1&amp;c=2\">good</a> js write relative");
    assert_eq!(document.to_text(), "good <https://market.example/a?b=1&c=2> js write relative");
}

#[test]
fn a_link_that_readers_understand_differently_is_none() {
    for trick in [
        "https://evil.example\\.market.example/",
        "https:/evil.example",
        "https:evil.example",
        "//evil.example",
        "https://evil.example%2f@market.example",
        "https://user:x@market.example",
        "ht&#10;tps://evil.example",
        " https://market.example",
        "https://mărket.example",
        "cid:x",
        "data:text/html,x",
        "market.example",
    ] {
        let document = Document::parse(&format!("<a href=\"{trick}\">text</a>")).unwrap();
        assert!(document.links().is_empty(), "{trick}");
    }
    let document = Document::parse("<a href=\"HTTPS://market.example:8443/a?b#c\">text</a>").unwrap();
    assert_eq!(document.links(), ["HTTPS://market.example:8443/a?b#c"]);
}

#[test]
fn pictures_stay_only_where_they_are_attached() {
    let mut document = Document::parse("<img src=\"cid:a@b\" width=10 alt=x><img src=cid:unknown><img>").unwrap();
    document.keep_images(&mut |id| (id == "a@b").then(|| "new".to_owned()));
    assert_eq!(document.to_html(), "<img src=\"cid:new\" width=\"10\">");
}

#[test]
fn plain_text_keeps_paragraphs_lists_and_quotes() {
    let html = "<p>Hi,</p><div>one</div><div>two<br>three</div><ul><li>a</li><li>b</li></ul>\
        <blockquote><p>old</p><blockquote>older</blockquote></blockquote><p>end</p>";
    let text = Document::parse(html).unwrap().to_text();
    assert_eq!(text, "Hi,\n\none\ntwo\nthree\n\n- a\n- b\n\n> old\n\n>> older\n\nend");
}

#[test]
fn bombs_are_refused_in_bounded_time() {
    let start = Instant::now();
    for bomb in [
        "<div>".repeat(100_000),
        "<b><div></b>".repeat(10_000),
        format!("<p {}>", (0..100_000).map(|n| format!("a{n} ")).collect::<String>()),
        format!("{}{}", (0..5_000).map(|n| format!("<b a{n}>")).collect::<String>(), "<p>x</p>".repeat(10_000)),
        "<b x><table><td></b></td></table>".repeat(6_000) + &"<p>x".repeat(5_000),
        "<i>".repeat(500) + &"</p>".repeat(100_000),
        "x".repeat(3_000_000),
    ] {
        assert!(Document::parse(&bomb).is_err(), "{}", &bomb[..40]);
    }
    for long in ["<".repeat(500_000), "&".repeat(500_000), "<p>x".repeat(15_000), "<!--".repeat(100_000)] {
        let _ = Document::parse(&long).map(|d| (d.to_text(), d.to_html()));
    }
    assert!(start.elapsed().as_secs() < 20);
}

proptest! {
    #[test]
    fn what_was_written_reads_back_the_same(html in "(<[a-z/]{1,5}( [a-z]{1,4}=\"?[a-z:&;#0-9]{0,6}\"?)?>|&[a-z#0-9]{1,5};|[ a-z0-9<>\"&\n]){0,40}") {
        let once = Document::parse(&html).unwrap();
        let twice = Document::parse(&once.to_html()).unwrap();
        prop_assert_eq!(once.to_html(), twice.to_html());
        prop_assert_eq!(once.blocks(), twice.blocks());
    }

    #[test]
    fn no_text_makes_it_panic(html in any::<String>()) {
        let document = Document::parse(&html).unwrap();
        let _ = (document.blocks(), document.to_text(), document.links());
    }
}

#[test]
fn control_characters_do_not_part_what_is_read() {
    let document = Document::parse("<p>re&#1;al\u{1}@mail.exa\u{7f}mple\u{85}</p><pre>a\n\tb</pre>").unwrap();
    assert_eq!(document.blocks(), ["real@mail.example", "a\n\tb"]);
}
