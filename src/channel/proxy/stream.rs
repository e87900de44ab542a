//! Answers that never end: server-sent events (HTML, "Server-sent events"), each masked by itself as it comes.

use bytes::Bytes;
use http_body_util::{BodyExt, channel::Channel};
use hyper::{HeaderMap, body::Incoming, header::CONTENT_TYPE};

use super::{No, Outgoing, contacts::Masker, json::Json};

/// Whether an answer is a stream of events.
pub(super) fn is_one(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (given.next(), given.next()) else { return false };
    let essence = only.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/event-stream")
}

/// The stream, contacts in its events replaced. It breaks off at an event that is longer than `most` bytes, or that can
/// not be read in one way; what never became an event is not told, as no reader would.
pub(super) fn masked(masker: Masker, mut body: Incoming, most: usize) -> Outgoing {
    let (mut out, stream) = Channel::<Bytes, std::io::Error>::new(1);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map(|frame| frame.into_data().unwrap_or_default()) else {
                return out.abort(std::io::Error::other("the service broke off"));
            };
            held.extend_from_slice(&data);
            while let Some(end) = end_of_event(&held) {
                let event: Vec<u8> = held.drain(..end).collect();
                let Ok(event) = mask(&masker, &event).await else {
                    return out.abort(std::io::Error::other("an event that can not be shown"));
                };
                // Nobody listens any more.
                if out.send_data(event).await.is_err() {
                    return;
                }
            }
            if held.len() > most {
                return out.abort(std::io::Error::other("an event that is too long"));
            }
        }
    });
    stream.map_err(Into::into).boxed()
}

/// Where the first event ends, behind the empty line.
fn end_of_event(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut empty) = (0, true);
    while let Some(byte) = bytes.get(at) {
        let end = match (byte, bytes.get(at + 1)) {
            (b'\r', Some(b'\n')) => at + 2,
            // Whether a line feed follows is not known yet.
            (b'\r', None) => return None,
            (b'\r' | b'\n', _) => at + 1,
            _ => {
                (at, empty) = (at + 1, false);
                continue;
            }
        };
        if empty {
            return Some(end);
        }
        (at, empty) = (end, true);
    }
    None
}

/// An event, written anew: its data is one line, if it is JSON; everything else of it as it came.
async fn mask(masker: &Masker, event: &[u8]) -> Result<Bytes, No> {
    let text = std::str::from_utf8(event).map_err(|_| No::Unfit)?;
    let (mut out, mut data) = (String::with_capacity(text.len()), Vec::new());
    for line in text.trim_start_matches('\u{feff}').split(['\r', '\n']).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name == "data" {
            data.push(value.strip_prefix(' ').unwrap_or(value));
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    let mut said = data.join("\n");
    if said.contains(['{', '[', '"']) {
        let mut json = Json::read(said.as_bytes()).ok_or(No::Unfit)?;
        masker.mask(&mut json).await?;
        said = String::from_utf8(json.written()).map_err(|_| No::Unfit)?;
    }
    for line in said.split('\n').filter(|_| !data.is_empty()) {
        out.push_str("data: ");
        out.push_str(line);
        out.push('\n');
    }
    out.push('\n');
    Ok(Bytes::from(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_ends_with_an_empty_line_however_lines_end() {
        for (text, wanted) in [
            ("data: a\n\ndata: b", Some(9)),
            ("data: a\r\n\r\ndata: b", Some(11)),
            ("data: a\r\rdata: b", Some(9)),
            ("data: a\r", None),
            ("data: a\r\n\r", None),
            ("data: a\n", None),
            ("\n", Some(1)),
            ("", None),
        ] {
            assert_eq!(end_of_event(text.as_bytes()), wanted, "{text:?}");
        }
    }
}
