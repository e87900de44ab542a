//! What comes to the proxy in other forms than JSON: forms, forms with files, and files alone.

use std::time::Duration;

use bytes::Bytes;

use super::proxy::{Chat, caller, kept, scene_with};
use crate::house::{House, MARKET, eventually};

/// Routes that take forms and files.
fn routes() -> String {
    format!(
        r#"
        [proxy.routes.form]
        upstream = "chat"
        methods = ["POST"]
        path = "/form/{{id}}"
        action = "message"
        marketplace = "{MARKET}"
        conversation = {{ path = "id" }}
        sender = {{ claim = "sub" }}
        text = "/text"
        bodies = ["json", "form", "multipart"]
        files = ["photo"]
        [proxy.routes.upload]
        upstream = "chat"
        methods = ["POST"]
        path = "/media"
        action = "scrub"
        marketplace = "{MARKET}"
        bodies = ["file"]
        [proxy.routes.seen]
        upstream = "chat"
        methods = ["POST"]
        path = "/seen/{{id}}"
        action = "message"
        marketplace = "{MARKET}"
        conversation = {{ path = "id" }}
        sender = {{ claim = "sub" }}
        text = "/text"
        observe = true
        [proxy.routes.album]
        upstream = "chat"
        methods = ["POST"]
        path = "/album"
        action = "scrub"
        marketplace = "{MARKET}"
        texts = ["/title", "/tags[]/*"]
        bodies = ["form", "multipart"]
        files = ["*"]
        "#
    )
}

/// A picture with a code in it, of three dots a module.
fn coded(text: &str) -> Vec<u8> {
    let code = zxingcpp::create(zxingcpp::BarcodeFormat::QRCode).from_str(text).unwrap();
    let drawn = code.to_image_with(&zxingcpp::write().scale(4).add_quiet_zones(true)).unwrap();
    let (width, height) = (drawn.width().unsigned_abs(), drawn.height().unsigned_abs());
    let picture = image::GrayImage::from_raw(width, height, drawn.data()).unwrap();
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

/// What a reader of codes finds in a picture.
fn codes(picture: &[u8]) -> usize {
    let gray = image::load_from_memory(picture).unwrap().into_luma8();
    let (width, height) = gray.dimensions();
    let view = zxingcpp::ImageView::from_slice(&gray, width, height, zxingcpp::ImageFormat::Lum).unwrap();
    zxingcpp::read().from(view).unwrap().len()
}

/// A form with files as a browser sends it: name, file name and type, bytes.
fn form(parts: &[(&str, Option<(&str, &str)>, &[u8])]) -> (String, Bytes) {
    let mut out = Vec::new();
    for (name, file, bytes) in parts {
        out.extend_from_slice(format!("--XyZ\r\nContent-Disposition: form-data; name=\"{name}\"").as_bytes());
        if let Some((filename, kind)) = file {
            out.extend_from_slice(format!("; filename=\"{filename}\"\r\nContent-Type: {kind}").as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"--XyZ--\r\n");
    ("multipart/form-data; boundary=XyZ".to_owned(), Bytes::from(out))
}

/// The parts of what went upstream: head and bytes.
fn parts_of(chat: &Chat) -> Vec<(String, Vec<u8>)> {
    let got = chat.last();
    let kind = got.headers["content-type"].to_str().unwrap().to_owned();
    let boundary = format!("--{}", kind.split_once("boundary=").expect("a form").1);
    let (mut parts, mut rest) = (Vec::new(), &got.body[..]);
    while let Some(at) = memchr::memmem::find(rest, boundary.as_bytes()) {
        let piece = &rest[..at];
        if let Some(split) = memchr::memmem::find(piece, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&piece[..split]).trim().to_owned();
            parts.push((head, piece[split + 4..piece.len() - 2].to_vec()));
        }
        rest = &rest[at + boundary.len()..];
    }
    parts
}

async fn door() -> (House, Chat, std::net::SocketAddr) {
    scene_with(&routes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_a_form_is_judged_like_one_in_json() {
    let (house, chat, at) = door().await;
    let seller = caller(&house, at, "zenon");
    let urlencoded = [("content-type", "application/x-www-form-urlencoded; charset=UTF-8")];
    let sent = "text=It+left+today.+Call+%2B62+812-3456-7890&draft=no";
    let answer = seller.call("POST", "/form/talk", &urlencoded, Some(sent.into())).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let got = String::from_utf8(chat.last().body.to_vec()).unwrap();
    assert!(got.starts_with("text=It+left+today.+Call+") && got.ends_with("&draft=no"), "{got}");
    assert!(!got.contains("3456"), "{got}");
    let before = chat.count();
    for (sent, wanted) in [
        ("text=hello&text=%2B62+812-3456-7890", 400),
        ("text=hello&text[0]=%2B62+812-3456-7890", 400),
        ("draft=no", 400),
        ("text=Anda+akan+mendapatkan+voucher+jika+memberikan+5+bintang.", 422),
    ] {
        let answer = seller.call("POST", "/form/talk", &urlencoded, Some(sent.into())).await;
        assert_eq!(answer.status, wanted, "{sent}: {}", answer.text());
    }
    assert_eq!(chat.count(), before);
    // Where a route does not say that it takes forms, it takes none.
    let answer = seller.call("POST", "/talks/talk/messages", &urlencoded, Some(sent.into())).await;
    assert_eq!(answer.status, 415);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_in_a_form_goes_upstream_with_its_codes_covered_and_is_kept_with_the_message() {
    let (house, chat, at) = door().await;
    let seller = caller(&house, at, "zenon");
    let picture = coded("https://wa.me/628123456789");
    assert_eq!(codes(&picture), 1);
    let (kind, body) = form(&[
        ("photo", Some(("katalog.png", "image/png")), &picture),
        ("text", None, b"Here is our catalogue."),
        ("other", None, b"as it is"),
    ]);
    let key = [("content-type", kind.as_str()), ("idempotency-key", "photo-1")];
    let answer = seller.call("POST", "/form/talk", &key, Some(body.clone())).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let parts = parts_of(&chat);
    let told: Vec<&str> = parts.iter().map(|(head, _)| head.as_str()).collect();
    assert_eq!(
        told,
        [
            "Content-Disposition: form-data; name=\"text\"",
            "Content-Disposition: form-data; name=\"other\"",
            "Content-Disposition: form-data; name=\"photo\"; filename=\"picture-1.png\"\r\nContent-Type: image/png",
        ]
    );
    let words = String::from_utf8_lossy(&parts[0].1).into_owned();
    assert!(words.starts_with("Here is our catalogue.\n\n[picture-1.png: "), "its reader is told: {words}");
    assert_eq!(parts[1].1, b"as it is");
    assert_ne!(parts[2].1, picture);
    assert_eq!(codes(&parts[2].1), 0, "the code is covered");
    let messages = kept(&house).await;
    assert_eq!(messages[0]["delivered"]["attachments"][0]["action"], "redacted", "{messages:?}");
    // The same call again is the same message.
    assert_eq!(seller.call("POST", "/form/talk", &key, Some(body)).await.status, 409);
    assert_eq!(kept(&house).await.len(), 1);

    // What can not be made afresh is left out, and its reader is told.
    let (kind, body) = form(&[
        ("text", None, b"See the file."),
        ("photo", Some(("a.html", "text/html")), b"<html>+62 812-3456-7890</html>"),
    ]);
    let answer = seller.call("POST", "/form/talk", &[("content-type", kind.as_str())], Some(body)).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let parts = parts_of(&chat);
    assert_eq!(parts.len(), 1, "{parts:?}");
    let text = String::from_utf8_lossy(&parts[0].1).into_owned();
    assert!(text.starts_with("See the file.") && text.len() > 20, "{text}");

    // A file under another name is not taken at all.
    let before = chat.count();
    let (kind, body) = form(&[("text", None, b"hi"), ("hidden", Some(("a.png", "image/png")), &picture)]);
    let answer = seller.call("POST", "/form/talk", &[("content-type", kind.as_str())], Some(body)).await;
    assert_eq!((answer.status, chat.count()), (400, before), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_by_itself_is_made_afresh_or_refused() {
    let (house, chat, at) = door().await;
    let anybody = caller(&house, at, "");
    let picture = coded("https://wa.me/628123456789");
    let answer = anybody.call("POST", "/media", &[("content-type", "image/png")], Some(picture.into())).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(chat.last().headers["content-type"], "image/png");
    assert_eq!(codes(&chat.last().body), 0, "the code is covered");
    let before = chat.count();
    for (kind, body, wanted) in [
        ("text/html", &b"<html>call me</html>"[..], 415),
        ("image/png", b"\x89PNG\r\n\x1a\nbroken", 415),
        ("application/json", b"{\"text\":\"+62 812-3456-7890\"}", 415),
        ("image/png", b"", 400),
    ] {
        let answer = anybody.call("POST", "/media", &[("content-type", kind)], Some(Bytes::from_static(body))).await;
        assert_eq!(answer.status, wanted, "{kind}: {}", answer.text());
    }
    assert_eq!(chat.count(), before);

    let picture = coded("https://wa.me/628123456789");
    let (kind, body) = form(&[
        ("title", None, b"Sofa, call +62 812-3456-7890"),
        ("tags[]", None, b"used"),
        ("tags[]", None, b"zenon@sklep.example"),
        ("one", Some(("a.png", "image/png")), &picture),
        ("two", Some(("b.png", "image/png")), &picture),
    ]);
    let answer = anybody.call("POST", "/album", &[("content-type", kind.as_str())], Some(body)).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let parts = parts_of(&chat);
    assert_eq!(parts.len(), 5);
    let text = |n: usize| String::from_utf8_lossy(&parts[n].1).into_owned();
    assert!(text(0).starts_with("Sofa, call") && !text(0).contains("3456"), "{}", text(0));
    assert!(text(1) == "used" && !text(2).contains("zenon"), "{} {}", text(1), text(2));
    assert_eq!((codes(&parts[3].1), codes(&parts[4].1)), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_is_observed_changes_nothing_and_counts_what_would_have_been() {
    let (house, chat, at) = door().await;
    let seller = caller(&house, at, "zenon");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (who, kind, sent) in [
        (&seller, None, r#"{"text": "It left today."}"#),
        (&seller, None, r#"{ "text":"Call me: +62 812-3456-7890, all is well." }"#),
        (&seller, None, r#"{"text":"Anda akan mendapatkan voucher jika memberikan 5 bintang."}"#),
        (&seller, None, r#"{"text":"twice","text":"two programs"}"#),
        (&seller, Some(form), "text=hello&_method=PUT"),
        (&caller(&house, at, "somebody"), None, r#"{"text":"hello"}"#),
        (&caller(&house, at, ""), None, r#"{"text":"hello"}"#),
    ] {
        let headers: Vec<(&str, &str)> = kind.into_iter().collect();
        let answer = who.call("POST", "/seen/talk?any=thing", &headers, Some(sent.into())).await;
        assert_eq!((answer.status, &chat.last().body[..]), (202, sent.as_bytes()), "{sent}");
    }
    assert_eq!(kept(&house).await.len(), 0, "nothing is recorded");
    // Of all of them the query would have been refused.
    let told = eventually(Duration::from_secs(5), "all are counted", async || {
        let metrics = house.ask_admin("/metrics").await.unwrap().1;
        metrics.contains(r#"tabir_proxy_observed_total{route="seen",would="invalid"} 7"#).then_some(metrics)
    });
    told.await;
    for (sent, wanted) in [
        (r#"{"text":"It left today."}"#, "clean"),
        (r#"{"text":"Call me: +62 812-3456-7890, all is well."}"#, "cut"),
        (r#"{"text":"Anda akan mendapatkan voucher jika memberikan 5 bintang."}"#, "content_refused"),
    ] {
        assert_eq!(seller.call("POST", "/seen/talk", &[], Some(sent.into())).await.status, 202);
        let line = format!(r#"tabir_proxy_observed_total{{route="seen",would="{wanted}"}} 1"#);
        eventually(Duration::from_secs(5), "it is counted", async || {
            house.ask_admin("/metrics").await.unwrap().1.contains(&line).then_some(())
        })
        .await;
    }
    assert_eq!(kept(&house).await.len(), 0);
}
