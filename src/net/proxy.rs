//! The PROXY protocol, versions 1 and 2: what a load balancer says about who connects, ahead of
//! the first byte of who connects.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

/// A range of addresses, such as `10.0.0.0/8` or `2001:db8::/32`; a lone address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Subnet {
    address: IpAddr,
    bits: u8,
}

impl Subnet {
    /// Whether `address` lies in it; an IPv4 address that is mapped into IPv6 is the IPv4 address.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(v4)) => {
                let far = 32 - u32::from(self.bits);
                u32::from(net).checked_shr(far) == u32::from(v4).checked_shr(far)
            }
            (IpAddr::V6(net), IpAddr::V6(v6)) => {
                let far = 128 - u32::from(self.bits);
                u128::from(net).checked_shr(far) == u128::from(v6).checked_shr(far)
            }
            _ => false,
        }
    }
}

impl TryFrom<String> for Subnet {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WANTED: &str = "not a range of addresses such as 10.0.0.0/8";
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.as_str(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| WANTED)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| number(bits).and_then(|bits| u8::try_from(bits).ok()).ok_or(WANTED))?;
        match bits {
            0 => Err("all addresses are no range of them: nobody would be told apart"),
            bits if bits <= most => Ok(Self { address, bits }),
            _ => Err(WANTED),
        }
    }
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Who is at the other end.
    From(SocketAddr),
    /// Nobody else: the balancer speaks for itself, or does not know (LOCAL, UNKNOWN).
    Nobody,
}

/// How far a header has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// At least so many bytes of it are still to come.
    More(usize),
    /// It is whole, and nothing behind it was looked at.
    Whole(Told),
}

/// What is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads the bytes that have come so far, of which never more are asked for than the header has.
///
/// # Errors
/// When they can not begin a header.
pub fn parse(bytes: &[u8]) -> Result<Step, Malformed> {
    match bytes.first() {
        None => Ok(Step::More(SHORTEST)),
        Some(b'P') => first_version(bytes),
        Some(_) => second_version(bytes),
    }
}

/// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 25` and CR LF.
fn first_version(bytes: &[u8]) -> Result<Step, Malformed> {
    const BEGINS: &[u8] = b"PROXY ";
    let known = bytes.len().min(BEGINS.len());
    if bytes[..known] != BEGINS[..known] || bytes.len() > LONGEST_LINE {
        return Err(Malformed);
    }
    if bytes.len() < SHORTEST {
        return Ok(Step::More(SHORTEST - bytes.len()));
    }
    match before_line_end(bytes) {
        // Of a line that ends with CR, the LF; of another both.
        None => Ok(Step::More(if bytes.ends_with(b"\r") { 1 } else { 2 })),
        Some(line) if line.len() + 2 == bytes.len() => line_says(line).map(Step::Whole),
        Some(_) => Err(Malformed),
    }
}

fn before_line_end(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    Some(&bytes[..end])
}

fn line_says(line: &[u8]) -> Result<Told, Malformed> {
    let text = std::str::from_utf8(line).map_err(|_| Malformed)?;
    let mut words = text.split(' ').skip(1);
    let mut word = || words.next().ok_or(Malformed);
    let v4 = match word()? {
        "UNKNOWN" => return Ok(Told::Nobody),
        "TCP4" => true,
        "TCP6" => false,
        _ => return Err(Malformed),
    };
    let address = |text: &str| -> Result<IpAddr, Malformed> {
        let address: IpAddr = text.parse().map_err(|_| Malformed)?;
        if address.is_ipv4() == v4 { Ok(address) } else { Err(Malformed) }
    };
    let (source, _) = (address(word()?)?, address(word()?)?);
    let (port, _) = (number(word()?).ok_or(Malformed)?, number(word()?).ok_or(Malformed)?);
    if words.next().is_some() { Err(Malformed) } else { Ok(Told::From((source, port).into())) }
}

/// A decimal number without sign or leading zeros.
fn number(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

/// Signature, version and command, family, length, addresses, and what else the balancer tells.
fn second_version(bytes: &[u8]) -> Result<Step, Malformed> {
    let known = bytes.len().min(SIGNATURE.len());
    if bytes[..known] != SIGNATURE[..known] {
        return Err(Malformed);
    }
    let Some([command, family, high, low]) = bytes.get(12..16) else {
        return Ok(Step::More(FIXED - bytes.len()));
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length > LONGEST_REST || !matches!(command, 0x20 | 0x21) {
        return Err(Malformed);
    }
    let rest = bytes.get(FIXED..).unwrap_or(&[]);
    match length.checked_sub(rest.len()) {
        None => Err(Malformed),
        Some(0) if *command == 0x20 => Ok(Step::Whole(Told::Nobody)),
        Some(0) => addresses_say(*family, rest).map(Step::Whole),
        Some(missing) => Ok(Step::More(missing)),
    }
}

fn addresses_say(family: u8, rest: &[u8]) -> Result<Told, Malformed> {
    let source = |length: usize, whole: usize| -> Result<(&[u8], u16), Malformed> {
        let addresses = rest.get(..whole).ok_or(Malformed)?;
        let port = u16::from_be_bytes([addresses[2 * length], addresses[2 * length + 1]]);
        Ok((&addresses[..length], port))
    };
    match family {
        0x00 => Ok(Told::Nobody),
        0x11 => {
            let (octets, port) = source(4, 12)?;
            let octets: [u8; 4] = octets.try_into().map_err(|_| Malformed)?;
            Ok(Told::From((Ipv4Addr::from(octets), port).into()))
        }
        0x21 => {
            let (octets, port) = source(16, 36)?;
            let octets: [u8; 16] = octets.try_into().map_err(|_| Malformed)?;
            Ok(Told::From((Ipv6Addr::from(octets), port).into()))
        }
        _ => Err(Malformed),
    }
}

/// Reads a header and not a byte more. `None`: there was none in time, or it is broken.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Told> {
    let told = timeout(WITHIN, read_whole(stream)).await.ok().flatten();
    if told.is_none() {
        metrics::counter!("tabir_proxy_headers_missing_total").increment(1);
    }
    told
}

async fn read_whole<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Told> {
    let mut bytes = Vec::with_capacity(LONGEST_LINE);
    loop {
        match parse(&bytes).ok()? {
            Step::Whole(told) => return Some(told),
            Step::More(more) => {
                let from = bytes.len();
                bytes.resize(from + more, 0);
                stream.read_exact(&mut bytes[from..]).await.ok()?;
            }
        }
    }
}

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// What every header of version 2 has.
const FIXED: usize = 16;

/// `PROXY UNKNOWN` and CR LF is longer than a signature: this many bytes every header has.
const SHORTEST: usize = 12;

/// Of version 1, its CR LF included.
const LONGEST_LINE: usize = 107;

/// Addresses and everything that a balancer may add, such as the name that a client asked for.
const LONGEST_REST: usize = 4_096;

/// A balancer says it at once.
const WITHIN: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A header of version 2.
    fn second(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    fn v4() -> Vec<u8> {
        second(0x21, 0x11, &[192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 4, 0, 25])
    }

    /// Fed as it is asked for, as from a wire; how many bytes were taken.
    fn fed(bytes: &[u8]) -> (Option<Result<Told, Malformed>>, usize) {
        let mut taken = 0;
        loop {
            match parse(&bytes[..taken]) {
                Err(Malformed) => return (Some(Err(Malformed)), taken),
                Ok(Step::Whole(told)) => return (Some(Ok(told)), taken),
                Ok(Step::More(more)) if taken + more <= bytes.len() => taken += more,
                Ok(Step::More(_)) => return (None, taken),
            }
        }
    }

    fn from(text: &str) -> Option<Result<Told, Malformed>> {
        Some(Ok(Told::From(text.parse().unwrap())))
    }

    #[test]
    fn a_header_tells_who_connects_and_nothing_behind_it_is_taken() {
        let v6 = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[7], &[0; 16], &[0, 80, 1, 187]].concat();
        let with_more = [&v4()[16..], &[3, 0, 4, 1, 2, 3, 4]].concat();
        for (header, told) in [
            (b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n".to_vec(), from("192.0.2.1:56324")),
            (b"PROXY TCP6 2001:db8::7 2001:db8::1 80 443\r\n".to_vec(), from("[2001:db8::7]:80")),
            (b"PROXY UNKNOWN\r\n".to_vec(), Some(Ok(Told::Nobody))),
            (b"PROXY UNKNOWN ffff::1 whatever it is\r\n".to_vec(), Some(Ok(Told::Nobody))),
            (v4(), from("192.0.2.1:56324")),
            (second(0x21, 0x21, &v6), from("[2001:db8::7]:80")),
            (second(0x21, 0x11, &with_more), from("192.0.2.1:56324")),
            (second(0x20, 0x00, &[]), Some(Ok(Told::Nobody))),
            (second(0x20, 0x11, &v4()[16..]), Some(Ok(Told::Nobody))),
            (second(0x21, 0x00, b"abc"), Some(Ok(Told::Nobody))),
        ] {
            assert_eq!(fed(&header), (told, header.len()), "{header:?}");
            let more = [&header[..], b"EHLO shop.example\r\n"].concat();
            assert_eq!(fed(&more), (told, header.len()), "{header:?}");
            for cut in 0..header.len() {
                assert_eq!(fed(&header[..cut]).0, None, "{cut} of {header:?}");
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
        for text in [
            "EHLO shop.example\r\n",
            "PROXIED TCP4 192.0.2.1 198.51.100.1 1 2\r\n",
            "proxy TCP4 192.0.2.1 198.51.100.1 1 2\r\n",
            "PROXY  TCP4 192.0.2.1 198.51.100.1 1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 1 65536\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 +1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n",
            "PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n",
            "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n",
            "PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n",
            "PROXY TCP4 \u{661}92.0.2.1 198.51.100.1 1 2\r\n",
            &long,
            "\x16\x03\x01\x02\0\x01\0\x01\u{7c}\x03\x03tls",
            "\r\n\r\n\0\r\nQUIT\r",
        ] {
            assert_eq!(fed(text.as_bytes()).0, Some(Err(Malformed)), "{text:?}");
        }
        for (command, family, rest) in [
            (0x11, 0x11, &v4()[16..]),
            (0x22, 0x11, &v4()[16..]),
            (0x21, 0x12, &v4()[16..]),
            (0x21, 0x31, &[0; 216]),
            (0x21, 0x11, &v4()[17..]),
            (0x21, 0x21, &v4()[16..]),
            (0x21, 0x11, &[0; LONGEST_REST + 1]),
        ] {
            assert_eq!(fed(&second(command, family, rest)).0, Some(Err(Malformed)), "{command:x} {family:x}");
        }
    }

    #[test]
    fn a_range_holds_its_addresses() {
        let holds =
            |range: &str, address: &str| Subnet::try_from(range.to_owned()).unwrap().holds(address.parse().unwrap());
        for (range, address, inside) in [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3/32", "10.1.2.2", false),
            ("192.0.2.128/25", "192.0.2.200", true),
            ("192.0.2.128/25", "192.0.2.1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("2001:db8::/32", "10.0.0.1", false),
        ] {
            assert_eq!(holds(range, address), inside, "{range} {address}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0.0/0", "::/0", "10.0.0.0/", "10.0.0.0/+8", "10.0/8", "balancer.example"] {
            assert!(Subnet::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_asked_for_within_bounds(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            begin in prop::sample::select(vec![b"".to_vec(), b"PROXY TCP4 ".to_vec(), SIGNATURE.to_vec(), v4()]),
            at in 0..40_usize,
        ) {
            let mut header = begin;
            header.splice(at.min(header.len()).., bytes.iter().copied());
            let (_, taken) = fed(&header);
            prop_assert!(taken <= FIXED + LONGEST_REST);
            if let Ok(Step::More(more)) = parse(&header) {
                prop_assert!(more > 0 && more <= FIXED + LONGEST_REST);
            }
        }
    }
}
