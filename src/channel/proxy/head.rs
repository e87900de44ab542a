//! Header fields on their way through: those that mean one connection stay on it (RFC 9110 §7.6.1), and what tells who
//! calls is written by us alone.

use std::net::IpAddr;

use hyper::{
    HeaderMap, Method, Version,
    header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, HeaderValue, UPGRADE},
    http::request::Parts,
};

/// Who calls, and how the call is known in logs.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) peer: IpAddr,
    pub(super) request_id: HeaderValue,
}

/// Makes a call's head fit for its upstream; what means one connection is out of it already.
pub(super) fn to_upstream(parts: &mut Parts, caller: &Caller) {
    let host = parts.headers.get(HOST).cloned();
    let host = host.or_else(|| parts.uri.authority().and_then(|name| HeaderValue::from_str(name.as_str()).ok()));
    // The body is framed anew: what was said of its length in two ways is said in one.
    parts.headers.remove(CONTENT_LENGTH);
    join_cookies(&mut parts.headers);
    // With underscores they would be others to us, and the same to a service that makes variables of them.
    let ours = |name: &str| {
        name.contains('_') || OURS.iter().any(|begin| name.starts_with(begin)) || OURS_ALONE.contains(&name)
    };
    remove(&mut parts.headers, ours);
    let Caller { peer, request_id } = caller;
    let written = [
        (FORWARDED, forwarded(peer.to_canonical(), host.as_ref())),
        ("x-forwarded-for", peer.to_canonical().to_string()),
        ("x-forwarded-proto", "https".to_owned()),
    ];
    for (name, value) in written {
        let value = HeaderValue::from_str(&value).ok();
        parts.headers.extend(value.map(|value| (HeaderName::from_static(name), value)));
    }
    if let Some(host) = host {
        parts.headers.insert(HeaderName::from_static("x-forwarded-host"), host.clone());
        parts.headers.insert(HOST, host);
    }
    parts.headers.insert(HeaderName::from_static(REQUEST_ID), request_id.clone());
    parts.version = Version::HTTP_11;
}

/// Makes an answer's head fit for the caller.
pub(super) fn to_caller(headers: &mut HeaderMap) {
    hop_by_hop(headers);
}

/// An answer that is to be read must come whole, and uncompressed.
pub(super) fn for_a_whole_answer(headers: &mut HeaderMap) {
    remove(headers, |name| OF_PARTS.contains(&name));
}

/// A body that we wrote in the place of another has none of what described that one.
pub(super) fn rewritten(headers: &mut HeaderMap) {
    remove(headers, |name| OF_THE_BODY.contains(&name));
}

/// Whether a call asks for a WebSocket (RFC 6455 §4.1); whatever else it asks to be upgraded to is left out.
pub(super) fn wants_websocket(parts: &Parts) -> bool {
    let says = |name, wanted: &str| {
        let values = parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|text| text.split(',')).any(|word| word.trim().eq_ignore_ascii_case(wanted))
    };
    parts.version == Version::HTTP_11
        && parts.method == Method::GET
        && says(UPGRADE, "websocket")
        && says(CONNECTION, "upgrade")
}

/// Asks for a WebSocket, or says that there is one.
pub(super) fn websocket(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

/// Takes out what means one connection, and whatever its `Connection` names: done when a call comes, before anything is
/// read of it or written into it.
pub(super) fn hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    // The host of a call is no matter of one connection, whoever says so.
    for name in named.iter().filter(|name| **name != HOST) {
        headers.remove(name);
    }
    remove(headers, |name| HOP_BY_HOP.contains(&name));
}

/// A message has few fields, and of those that must go mostly none.
fn remove(headers: &mut HeaderMap, goes: impl Fn(&str) -> bool) {
    let gone: Vec<HeaderName> = headers.keys().filter(|name| goes(name.as_str())).cloned().collect();
    for name in &gone {
        headers.remove(name);
    }
}

/// HTTP/2 cuts cookies into several fields; before HTTP/1.1 they are one (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
}

fn forwarded(peer: IpAddr, host: Option<&HeaderValue>) -> String {
    let peer = match peer {
        IpAddr::V4(peer) => peer.to_string(),
        IpAddr::V6(peer) => format!("\"[{peer}]\""),
    };
    let host = host.and_then(|host| host.to_str().ok()).filter(|host| !host.contains(['"', '\\']));
    let host = host.map_or_else(String::new, |host| format!(";host=\"{host}\""));
    format!("for={peer};proto=https{host}")
}

const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// What a caller says in these is not believed by us, and would be by who is behind: who calls and how, or another method
/// or path than the one that was judged.
const OURS_ALONE: [&str; 15] = [
    FORWARDED,
    "cf-connecting-ip",
    "client-ip",
    "fastly-client-ip",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-real-ip",
    REQUEST_ID,
    "x-rewrite-url",
];
/// And in all that begin so.
const OURS: [&str; 2] = ["x-forwarded", "x-original-"];
const OF_THE_BODY: [&str; 10] = [
    "accept-ranges",
    "content-digest",
    "content-encoding",
    "content-length",
    "content-md5",
    "content-range",
    "digest",
    "etag",
    "last-modified",
    "repr-digest",
];
const OF_PARTS: [&str; 5] = ["accept-encoding", "if-modified-since", "if-none-match", "if-range", "range"];
const FORWARDED: &str = "forwarded";
/// By which a call is found again in logs.
pub(super) const REQUEST_ID: &str = "x-request-id";

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    #[test]
    fn what_a_caller_says_of_the_way_is_replaced_by_what_we_know() {
        let request = Request::post("/x")
            .header("host", "market.example")
            .header("connection", "close, X-Secret-Hop, host")
            .header("x-secret-hop", "1")
            .header("transfer-encoding", "chunked")
            .header("upgrade", "h2c")
            .header("x-forwarded-for", "203.0.113.9")
            .header("x-http-method-override", "DELETE")
            .header("x_original_url", "/other")
            .header("x-forwarded-ssl", "off")
            .header("forwarded", "for=203.0.113.9")
            .header("cookie", "a=b")
            .header("cookie", "c=d");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        hop_by_hop(&mut parts.headers);
        let caller = Caller { peer: "2001:db8::7".parse().unwrap(), request_id: HeaderValue::from_static("01") };
        to_upstream(&mut parts, &caller);
        let mut told: Vec<String> =
            parts.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        told.sort();
        assert_eq!(
            told,
            [
                "cookie: a=b; c=d",
                "forwarded: for=\"[2001:db8::7]\";proto=https;host=\"market.example\"",
                "host: market.example",
                "x-forwarded-for: 2001:db8::7",
                "x-forwarded-host: market.example",
                "x-forwarded-proto: https",
                "x-request-id: 01",
            ]
        );
    }
}
