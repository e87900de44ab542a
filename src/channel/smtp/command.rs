//! A command line into a command, by a strict grammar (RFC 5321 §4.1, RFC 6531, RFC 3030,
//! RFC 4954, RFC 2033, and Postfix's XFORWARD): what is not clearly well formed is refused, so that no two programs can read two
//! addresses in one line.

use std::net::IpAddr;

/// A command, its texts borrowed from the line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words are those of the RFCs")]
pub enum Command<'l> {
    Auth { mechanism: &'l str, initial: Option<&'l str> },
    Bdat { size: u64, last: bool },
    Data,
    Ehlo(&'l str),
    Expn,
    Helo(&'l str),
    Help,
    Lhlo(&'l str),
    Mail(MailFrom<'l>),
    Noop,
    Quit,
    Rcpt(Mailbox<'l>),
    Rset,
    StartTls,
    Vrfy,
    XForward(Forwarded),
}

/// What a mail host in front tells of its own client (XFORWARD).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// Where it connected from, if that is known and an IP address.
    pub address: Option<IpAddr>,
    /// What it greeted with.
    pub helo: Option<String>,
}

/// `MAIL FROM`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailFrom<'l> {
    /// Who sends; `None` is the null sender of reports.
    pub sender: Option<Mailbox<'l>>,
    /// How large the message will be, as the client says.
    pub size: Option<u64>,
    /// Addresses and header fields may hold UTF-8.
    pub utf8: bool,
    /// The client names who logged in to it; believed of nobody, and so only looked at.
    pub auth: bool,
}

/// A mail address, as written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mailbox<'l> {
    /// Before the `@`; a quoted one with its quotes.
    pub local: &'l str,
    /// After it: a domain or an address literal; empty for a bare `<postmaster>`.
    pub domain: &'l str,
}

impl std::fmt::Debug for Mailbox<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("«mailbox»")
    }
}

impl Mailbox<'_> {
    /// Whether it needs SMTPUTF8.
    pub fn is_international(&self) -> bool {
        !self.local.is_ascii() || !self.domain.is_ascii()
    }
}

/// Why a line is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// An address is none, or too long.
    Address,
    /// An argument is missing, wrong or too many.
    Argument,
    /// A parameter of MAIL or RCPT that was not offered.
    Parameter,
    /// No command of ours.
    Unknown,
}

/// Reads one line, without its CR LF.
pub fn parse(line: &[u8]) -> Result<Command<'_>, Malformed> {
    let line = std::str::from_utf8(line).map_err(|_| Malformed::Unknown)?;
    if line.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
        return Err(Malformed::Argument);
    }
    let (verb, rest) = line.split_once(' ').map_or((line, None), |(verb, rest)| (verb, Some(rest)));
    let Some(verb) = VERBS.iter().find(|known| known.eq_ignore_ascii_case(verb.trim_end())) else {
        return Err(Malformed::Unknown);
    };
    let text = rest.unwrap_or("").trim_matches([' ', '\t']);
    match *verb {
        "AUTH" => auth(text),
        "BDAT" => bdat(text),
        "DATA" => bare(text, Command::Data),
        "EHLO" => greeting(text).map(Command::Ehlo),
        "HELO" => greeting(text).map(Command::Helo),
        "LHLO" => greeting(text).map(Command::Lhlo),
        "MAIL" => mail(after(rest.unwrap_or(""), "FROM:")?).map(Command::Mail),
        "QUIT" => bare(text, Command::Quit),
        "RCPT" => rcpt(after(rest.unwrap_or(""), "TO:")?).map(Command::Rcpt),
        "RSET" => bare(text, Command::Rset),
        "STARTTLS" => bare(text, Command::StartTls),
        "EXPN" => Ok(Command::Expn),
        "HELP" => Ok(Command::Help),
        "NOOP" => Ok(Command::Noop),
        "VRFY" if text.is_empty() => Err(Malformed::Argument),
        "VRFY" => Ok(Command::Vrfy),
        "XFORWARD" => forwarded(text).map(Command::XForward),
        _ => Err(Malformed::Unknown),
    }
}

fn bare<'l>(text: &str, command: Command<'l>) -> Result<Command<'l>, Malformed> {
    if text.is_empty() { Ok(command) } else { Err(Malformed::Argument) }
}

/// A domain or an address literal. What is inside proves nothing and is only kept for SPF.
fn greeting(text: &str) -> Result<&str, Malformed> {
    let fits = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if fits { Ok(text) } else { Err(Malformed::Argument) }
}

/// Names that were not offered are an error; a client that is not known is none.
fn forwarded(text: &str) -> Result<Forwarded, Malformed> {
    let mut told = Forwarded::default();
    if text.is_empty() {
        return Err(Malformed::Argument);
    }
    for attribute in text.split(' ').filter(|word| !word.is_empty()) {
        let (name, value) = attribute.split_once('=').ok_or(Malformed::Argument)?;
        let value = xtext(value).ok_or(Malformed::Argument)?;
        let known = !["[UNAVAILABLE]", "[TEMPUNAVAIL]"].iter().any(|none| none.eq_ignore_ascii_case(&value));
        match name.to_ascii_uppercase().as_str() {
            "ADDR" => {
                let bare = value.strip_prefix("IPv6:").unwrap_or(&value);
                told.address = bare.parse().ok().filter(|_| known);
            }
            "HELO" => told.helo = Some(value).filter(|helo| known && greeting(helo).is_ok()),
            _ => return Err(Malformed::Argument),
        }
    }
    Ok(told)
}

/// RFC 3461 §4: `+` and two upper-case digits of base 16 stand for an octet; here for an ASCII one.
fn xtext(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('+') {
        let (digits, after) = after.split_at_checked(2)?;
        let hex = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
        let octet = u8::from_str_radix(digits, 16).ok().filter(|octet| hex && octet.is_ascii_graphic())?;
        plain.push_str(before);
        plain.push(char::from(octet));
        rest = after;
    }
    plain.push_str(rest);
    (plain.len() <= 255).then_some(plain)
}

fn auth(text: &str) -> Result<Command<'_>, Malformed> {
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let mechanism = words.next().ok_or(Malformed::Argument)?;
    let initial = words.next();
    if words.next().is_some() {
        return Err(Malformed::Argument);
    }
    Ok(Command::Auth { mechanism, initial })
}

fn bdat(text: &str) -> Result<Command<'_>, Malformed> {
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let size = number(words.next().unwrap_or("")).ok_or(Malformed::Argument)?;
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return Err(Malformed::Argument),
    };
    if words.next().is_some() {
        return Err(Malformed::Argument);
    }
    Ok(Command::Bdat { size, last })
}

fn after<'l>(rest: &'l str, keyword: &str) -> Result<&'l str, Malformed> {
    match rest.split_at_checked(keyword.len()) {
        Some((head, tail)) if head.eq_ignore_ascii_case(keyword) => Ok(tail),
        _ => Err(Malformed::Argument),
    }
}

fn mail(text: &str) -> Result<MailFrom<'_>, Malformed> {
    let (path, parameters) = path(text)?;
    let mut mail = MailFrom::default();
    if !path.is_empty() {
        mail.sender = Some(mailbox(path)?);
    }
    let mut body = false;
    for parameter in parameters.split(' ').filter(|p| !p.is_empty()) {
        let (key, value) = parameter.split_once('=').map_or((parameter, None), |(k, v)| (k, Some(v)));
        match (key.to_ascii_uppercase().as_str(), value) {
            ("SIZE", Some(value)) if mail.size.is_none() => mail.size = Some(number(value).ok_or(Malformed::Argument)?),
            ("BODY", Some(value)) if !body => {
                body = true;
                if !["7BIT", "8BITMIME"].iter().any(|known| known.eq_ignore_ascii_case(value)) {
                    return Err(Malformed::Parameter);
                }
            }
            ("SMTPUTF8", None) if !mail.utf8 => mail.utf8 = true,
            ("AUTH", Some(value)) if !mail.auth && !value.is_empty() => mail.auth = true,
            ("SIZE" | "BODY" | "SMTPUTF8" | "AUTH", _) => return Err(Malformed::Argument),
            _ => return Err(Malformed::Parameter),
        }
    }
    Ok(mail)
}

fn rcpt(text: &str) -> Result<Mailbox<'_>, Malformed> {
    let (path, parameters) = path(text)?;
    if path.eq_ignore_ascii_case("postmaster") {
        return Ok(Mailbox { local: path, domain: "" });
    }
    let mailbox = mailbox(path)?;
    if parameters.trim().is_empty() { Ok(mailbox) } else { Err(Malformed::Parameter) }
}

/// `<…>` and what follows it after a space.
fn path(text: &str) -> Result<(&str, &str), Malformed> {
    let inner = text.strip_prefix('<').ok_or(Malformed::Address)?;
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => return Err(Malformed::Address),
            '>' if !quoted => {
                let after = &inner[at + 1..];
                let separated = after.is_empty() || after.starts_with(' ');
                return if separated { Ok((&inner[..at], after)) } else { Err(Malformed::Address) };
            }
            _ => {}
        }
    }
    Err(Malformed::Address)
}

fn mailbox(path: &str) -> Result<Mailbox<'_>, Malformed> {
    // A source route names other hosts before the colon: obsolete, and only of use to misuse.
    let (local, domain) = path.rsplit_once('@').ok_or(Malformed::Address)?;
    let fits = (1..=64).contains(&local.len()) && (1..=255).contains(&domain.len()) && path.len() <= 254;
    if fits && (is_dotted(local) || is_quoted(local)) && (is_domain(domain) || is_literal(domain)) {
        Ok(Mailbox { local, domain })
    } else {
        Err(Malformed::Address)
    }
}

fn is_dotted(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
}

fn is_atom(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_international(c)
}

/// Letters beyond ASCII, but nothing that is invisible or turns the direction of writing.
fn is_international(c: char) -> bool {
    !c.is_ascii()
        && !c.is_control()
        && !c.is_whitespace()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}')
}

fn is_quoted(local: &str) -> bool {
    let Some(inner) = local.strip_prefix('"').and_then(|l| l.strip_suffix('"')) else { return false };
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let fits = match c {
            '\\' => chars.next().is_some_and(|c| (' '..='~').contains(&c)),
            '"' => false,
            c => (' '..='~').contains(&c) || is_international(c),
        };
        if !fits {
            return false;
        }
    }
    !inner.is_empty() && local.len() > 1
}

fn is_domain(domain: &str) -> bool {
    domain.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || is_international(c))
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

fn is_literal(domain: &str) -> bool {
    let Some(inner) = domain.strip_prefix('[').and_then(|d| d.strip_suffix(']')) else { return false };
    match inner.strip_prefix("IPv6:") {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => inner.parse::<std::net::Ipv4Addr>().is_ok(),
    }
}

/// Up to 20 digits (RFC 1870).
fn number(text: &str) -> Option<u64> {
    let fits = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

const VERBS: [&str; 16] = [
    "AUTH", "BDAT", "DATA", "EHLO", "EXPN", "HELO", "HELP", "LHLO", "MAIL", "NOOP", "QUIT", "RCPT", "RSET", "STARTTLS",
    "VRFY", "XFORWARD",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(line: &str) -> Result<(&str, &str), Malformed> {
        match parse(line.as_bytes())? {
            Command::Rcpt(mailbox) => Ok((mailbox.local, mailbox.domain)),
            Command::Mail(MailFrom { sender: Some(mailbox), .. }) => Ok((mailbox.local, mailbox.domain)),
            _ => Ok(("", "")),
        }
    }

    #[test]
    fn well_formed_commands_are_understood() {
        for (line, command) in [
            ("DATA", Command::Data),
            ("data ", Command::Data),
            ("QUIT", Command::Quit),
            ("RSET", Command::Rset),
            ("noop some text", Command::Noop),
            ("STARTTLS", Command::StartTls),
            ("EHLO client.example", Command::Ehlo("client.example")),
            ("EHLO [192.0.2.1]", Command::Ehlo("[192.0.2.1]")),
            ("BDAT 86 LAST", Command::Bdat { size: 86, last: true }),
            ("bdat 0", Command::Bdat { size: 0, last: false }),
            ("AUTH PLAIN AHNhbnRpAHB3", Command::Auth { mechanism: "PLAIN", initial: Some("AHNhbnRpAHB3") }),
            ("AUTH LOGIN", Command::Auth { mechanism: "LOGIN", initial: None }),
            ("MAIL FROM:<>", Command::Mail(MailFrom::default())),
            ("VRFY someone", Command::Vrfy),
        ] {
            assert_eq!(parse(line.as_bytes()), Ok(command), "{line}");
        }
    }

    #[test]
    fn parameters_of_mail_are_those_that_ehlo_offers() {
        let line = b"MAIL FROM:<a@shop.example> SIZE=1234 body=8BITMIME SMTPUTF8 AUTH=<>";
        let Ok(Command::Mail(mail)) = parse(line) else { panic!() };
        assert_eq!((mail.size, mail.utf8, mail.auth), (Some(1234), true, true));
        for (line, fault) in [
            ("MAIL FROM:<a@shop.example> RET=HDRS", Malformed::Parameter),
            ("MAIL FROM:<a@shop.example> BODY=BINARYMIME", Malformed::Parameter),
            ("MAIL FROM:<a@shop.example> XFORWARD=1", Malformed::Parameter),
            ("MAIL FROM:<a@shop.example> SIZE=x", Malformed::Argument),
            ("MAIL FROM:<a@shop.example> SIZE=1 SIZE=2", Malformed::Argument),
            ("MAIL FROM:<a@shop.example> SIZE", Malformed::Argument),
            ("RCPT TO:<a@shop.example> NOTIFY=NEVER", Malformed::Parameter),
        ] {
            assert_eq!(parse(line.as_bytes()), Err(fault), "{line}");
        }
    }

    #[test]
    fn what_a_host_in_front_tells_of_its_client_is_read_and_nothing_else_is() {
        let told = |line: &str| match parse(line.as_bytes()) {
            Ok(Command::XForward(Forwarded { address, helo })) => Ok((address.map(|a| a.to_string()), helo)),
            Ok(_) => panic!("{line}"),
            Err(fault) => Err(fault),
        };
        let some = |text: &str| Some(text.to_owned());
        for (line, address, helo) in [
            ("XFORWARD ADDR=192.0.2.7 HELO=mx.shop.example", some("192.0.2.7"), some("mx.shop.example")),
            ("xforward addr=IPv6:2001:db8::7", some("2001:db8::7"), None),
            ("XFORWARD HELO=[192.0.2.7]", None, some("[192.0.2.7]")),
            ("XFORWARD HELO=a+2Bb.example", None, some("a+b.example")),
            ("XFORWARD ADDR=[UNAVAILABLE] HELO=[unavailable]", None, None),
            ("XFORWARD ADDR=unknown", None, None),
        ] {
            assert_eq!(told(line), Ok((address, helo)), "{line}");
        }
        for line in [
            "XFORWARD",
            "XFORWARD ADDR",
            "XFORWARD NAME=mx.shop.example",
            "XFORWARD HELO=a+2",
            "XFORWARD HELO=a+2b",
            "XFORWARD HELO=a+0Db",
            "XFORWARD HELO=a+é",
        ] {
            assert_eq!(told(line), Err(Malformed::Argument), "{line}");
        }
    }

    #[test]
    fn an_address_has_one_reading() {
        for (line, wanted) in [
            ("RCPT TO:<a.b+c@shop.example>", ("a.b+c", "shop.example")),
            ("rcpt to:<\"a@b\"@shop.example>", ("\"a@b\"", "shop.example")),
            ("RCPT TO:<a%b@shop.example>", ("a%b", "shop.example")),
            ("RCPT TO:<a!b@shop.example>", ("a!b", "shop.example")),
            ("RCPT TO:<a@[192.0.2.1]>", ("a", "[192.0.2.1]")),
            ("RCPT TO:<postmaster>", ("postmaster", "")),
            ("MAIL FROM:<\"a>b\"@shop.example> SIZE=1", ("\"a>b\"", "shop.example")),
        ] {
            assert_eq!(address(line), Ok(wanted), "{line}");
        }
        let long = format!("RCPT TO:<{}@shop.example>", "a".repeat(65));
        let longer = format!("RCPT TO:<a@{}.example>", "b.".repeat(130));
        for line in [
            "RCPT TO:a@shop.example",
            "RCPT TO: <a@shop.example>",
            "RCPT TO:<a@shop.example",
            "RCPT TO:<a@shop.example>x",
            "RCPT TO:<@h.example:a@shop.example>",
            "RCPT TO:<a@b@shop.example>",
            "RCPT TO:<a b@shop.example>",
            "RCPT TO:<>",
            "RCPT TO:<.a@shop.example>",
            "RCPT TO:<a..b@shop.example>",
            "RCPT TO:<a@shop..example>",
            "RCPT TO:<a@-shop.example>",
            "RCPT TO:<a@[300.0.2.1]>",
            "RCPT TO:<a@>",
            "RCPT TO:<@shop.example>",
            "RCPT TO:<a>",
            "RCPT TO:<<a@shop.example>>",
            "RCPT TO:<\"a@shop.example>",
            "RCPT TO:<a\u{202e}b@shop.example>",
            "RCPT TO:<a@shop.example.>",
            &long,
            &longer,
        ] {
            assert_eq!(address(line), Err(Malformed::Address), "{line}");
        }
    }

    #[test]
    fn what_is_no_command_is_refused_for_what_it_is() {
        for (line, fault) in [
            ("", Malformed::Unknown),
            ("XCLIENT ADDR=192.0.2.1", Malformed::Unknown),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2", Malformed::Unknown),
            ("GET / HTTP/1.1", Malformed::Unknown),
            ("EHLO", Malformed::Argument),
            ("EHLO two words", Malformed::Argument),
            ("DATA now", Malformed::Argument),
            ("BDAT -1", Malformed::Argument),
            ("BDAT 99999999999999999999999", Malformed::Argument),
            ("BDAT 1 LAST 2", Malformed::Argument),
            ("MAIL TO:<a@shop.example>", Malformed::Argument),
            ("MAIL", Malformed::Argument),
            ("MAIL FROM:<a\0@shop.example>", Malformed::Argument),
            ("AUTH", Malformed::Argument),
        ] {
            assert_eq!(parse(line.as_bytes()), Err(fault), "{line}");
        }
        assert_eq!(parse(b"NOOP \xff"), Err(Malformed::Unknown));
    }

    proptest! {
        /// What the parser calls an address is the very text between the brackets.
        #[test]
        fn an_address_is_what_was_written(inner in "[a-z0-9.@\"<>\\\\ \u{e9}%:]{0,40}") {
            let line = format!("RCPT TO:<{inner}>");
            if let Ok(Command::Rcpt(mailbox)) = parse(line.as_bytes())
                && !mailbox.domain.is_empty()
            {
                prop_assert_eq!(format!("{}@{}", mailbox.local, mailbox.domain), inner);
            }
        }

        #[test]
        fn no_line_breaks_the_parser(line in proptest::collection::vec(any::<u8>(), 0..200), verb in 0usize..14) {
            let _ = parse(&line);
            let _ = parse(&[VERBS[verb].as_bytes(), b" ", &line].concat());
            let _ = parse(&[b"MAIL FROM:<".as_slice(), &line].concat());
        }
    }
}
