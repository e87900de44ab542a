//! The table of routes: which call is which, decided so that the service behind can not read a path in another way than
//! it was judged here.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use hyper::{Method, header::HeaderName};
use matchit::Router;

use super::{
    body::{Taken, fits_a_form},
    frames::{self, Frames},
    json::{self, Step},
    refusal::No,
    settings::{
        Action, BodyKind, ContactFields, FrameSettings, FrameWrapping, ProxySettings, RouteSettings, SideFields, Source,
    },
    token::Issuer,
    upstream::Upstream,
};
use crate::model::{Scope, Side};

/// A setting, as its path, and why it can not be used.
pub type Unusable = (Vec<String>, String);

/// Everything there is to know of calls of one kind.
pub(super) struct Route {
    pub(super) name: String,
    pub(super) upstream: Arc<Upstream>,
    pub(super) does: Does,
    pub(super) people: Option<People>,
    /// What may stand in the query of a call that is judged.
    pub(super) query: Vec<String>,
    /// Whether its calls go through as they came, and are judged aside.
    pub(super) observe: bool,
    /// In which forms its body may come, and what of them is looked at.
    pub(super) taken: Taken,
    /// Contacts in answers: whose, which, where.
    pub(super) contacts: Vec<(Side, Field, Vec<Step>)>,
    /// Where in an answer what speaks of one conversation each is.
    pub(super) each: Vec<Step>,
}

/// What becomes of a call.
pub(super) enum Does {
    Pass { websocket: bool },
    Scrub { texts: Vec<Vec<Step>> },
    Message { text: Vec<Step>, subject: Option<Vec<Step>> },
    Talk(Frames),
}

/// How the people of a call are found.
pub(super) struct People {
    pub(super) scope: Scope,
    pub(super) conversation: Option<Place>,
    pub(super) sender: Option<Place>,
    pub(super) side: Option<Place>,
    pub(super) issuer: Option<Arc<Issuer>>,
}

/// Where something is to be found.
#[derive(Clone)]
pub(super) enum Place {
    Path(String),
    Header(String),
    Body(Vec<Step>),
    Claim(String),
}

/// A kind of contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Email,
    Phone,
    Address,
    Name,
}

/// A call's route and the named parts of its path.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) route: Arc<Route>,
    pub(super) params: Vec<(String, String)>,
    /// Whether something that is judged has this path, under whatever method.
    pub(super) judged_nearby: bool,
}

/// All routes.
pub struct Routes {
    all: Vec<Arc<Route>>,
    exact: HashMap<Method, Router<usize>>,
    /// The same as a service finds them that cares neither about case nor about a slash at the end.
    near: HashMap<Method, Router<usize>>,
}

impl Routes {
    /// Reads the settings; `issuers` are those whose keys could be read.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn new(settings: &ProxySettings, issuers: &HashMap<String, Arc<Issuer>>) -> Result<Self, Vec<Unusable>> {
        let mut wrong = Vec::new();
        let mut upstreams = HashMap::new();
        for (name, upstream) in &settings.upstreams {
            match Upstream::new(upstream) {
                Ok(upstream) => drop(upstreams.insert(name.as_str(), Arc::new(upstream))),
                Err((key, why)) => wrong.push((path(&["proxy", "upstreams", name, key]), why)),
            }
            if !settings.routes.values().any(|route| route.upstream == *name) {
                wrong.push((path(&["proxy", "upstreams", name]), "no route goes there".to_owned()));
            }
        }
        let mut routes = Self { all: Vec::new(), exact: HashMap::new(), near: HashMap::new() };
        for (name, route) in &settings.routes {
            if !settings.upstreams.contains_key(&route.upstream) {
                let why = format!("there is no [proxy.upstreams.{}]", route.upstream);
                wrong.push((path(&["proxy", "routes", name, "upstream"]), why));
            }
            let mut faults: Vec<(&str, String)> = Vec::new();
            let read = Reading { route, settings, issuers, wrong: &mut faults }.read();
            let upstream = upstreams.get(route.upstream.as_str());
            if let (Some((does, people, taken, contacts)), Some(upstream)) = (read, upstream) {
                let upstream = Arc::clone(upstream);
                routes.all.push(Arc::new(Route {
                    name: name.clone(),
                    upstream,
                    does,
                    people,
                    query: route.query.clone(),
                    observe: route.observe,
                    taken,
                    contacts,
                    each: route.each.as_deref().and_then(json::pointer).unwrap_or_default(),
                }));
                if let Err(fault) = routes.insert(route) {
                    faults.push(fault);
                }
            }
            wrong.extend(faults.into_iter().map(|(key, why)| (path(&["proxy", "routes", name, key]), why)));
        }
        if wrong.is_empty() { Ok(routes) } else { Err(wrong) }
    }

    /// Every upstream of a route, once.
    pub(super) fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        let all = self.all.iter().map(|route| &route.upstream).enumerate();
        all.filter(|(n, upstream)| !self.all[..*n].iter().any(|before| Arc::ptr_eq(&before.upstream, upstream)))
            .map(|(_, upstream)| upstream)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Puts the route that was read last into the tables.
    fn insert(&mut self, route: &RouteSettings) -> Result<(), (&'static str, String)> {
        let number = self.all.len() - 1;
        if !matches!(plain(&literal(&route.path)), Ok(Cow::Borrowed(_))) {
            let why = "no call can have it: it begins with a slash, has no empty or dotted parts, no `;`, and its letters \
                       stand as they are, not percent-encoded";
            return Err(("path", why.to_owned()));
        }
        for method in methods(&route.methods).ok_or(("methods", format!("not methods of HTTP: {METHODS}")))? {
            put(self.exact.entry(method.clone()).or_default(), &route.path, number, &self.all)?;
            put(self.near.entry(method).or_default(), &near(&route.path), number, &self.all)?;
        }
        Ok(())
    }

    /// The route of a call.
    pub(super) fn find(&self, method: &Method, path: &str) -> Result<Found, No> {
        let path = plain(path)?;
        let loose = near(&path);
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let near = self.near.get(method).and_then(|near| near.at(&loose).ok()).map(|matched| *matched.value);
        let matched = self.exact.get(method).and_then(|exact| exact.at(&path).ok()).ok_or(No::Path)?;
        // Another service might take this path for the one that is judged.
        let here = *matched.value;
        if near.is_some_and(|near| near != here && (self.all[near].is_judged() || self.all[here].is_judged())) {
            return Err(No::Ambiguous("this path is spelled in another way"));
        }
        Ok(Found {
            route: Arc::clone(&self.all[here]),
            params: matched.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            judged_nearby: self
                .near
                .values()
                .filter_map(|near| near.at(&loose).ok())
                .any(|matched| self.all[*matched.value].is_judged()),
        })
    }
}

impl Route {
    /// Whether a query of a call that is judged has nothing but what may stand there.
    pub(super) fn takes_query(&self, query: &str) -> bool {
        // Some services part a query at semicolons too.
        let pairs = query.split(['&', ';']).filter(|pair| !pair.is_empty());
        let mut names = pairs.map(|pair| pair.split('=').next().unwrap_or(pair));
        names.all(|name| self.query.iter().any(|known| known == name))
    }

    /// What is said in its WebSockets.
    pub(super) fn frames(&self) -> Option<&Frames> {
        if let Does::Talk(frames) = &self.does { Some(frames) } else { None }
    }

    /// Whether anything of its calls is looked at and could be stopped.
    fn is_judged(&self) -> bool {
        !self.observe && (!matches!(self.does, Does::Pass { .. }) || !self.contacts.is_empty())
    }
}

fn put(
    router: &mut Router<usize>,
    pattern: &str,
    number: usize,
    all: &[Arc<Route>],
) -> Result<(), (&'static str, String)> {
    router.insert(pattern, number).map_err(|error| match &error {
        matchit::InsertError::Conflict { .. } => {
            // matchit names the pattern; who has it is found by asking for it.
            let other = router.at(&literal(pattern)).ok().and_then(|matched| all.get(*matched.value));
            let other = other.map_or("another route", |route| route.name.as_str());
            ("path", format!("ambiguous: the route `{other}` takes the same calls"))
        }
        other => ("path", other.to_string()),
    })
}

/// A path that a pattern takes.
fn literal(pattern: &str) -> String {
    pattern.replace(['{', '}', '*'], "")
}

/// What a service makes of a path that cares neither about case nor about slashes, dots and spaces at an end, and takes a
/// suffix for the form of the answer.
fn near(path: &str) -> String {
    let folded = path.to_uppercase().to_lowercase();
    let mut parts: Vec<&str> = folded.split('/').map(|part| part.trim_end_matches(['.', ' '])).collect();
    while parts.len() > 1 && parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    // A form of the answer, such as `.json`.
    if let Some(last) = parts.last_mut()
        && let Some(at) = last.find('.').filter(|at| *at > 0)
    {
        *last = &last[..at];
    }
    let near = parts.join("/");
    if near.is_empty() { "/".to_owned() } else { near }
}

/// A path with its percent-encoding undone, if all programs agree on what it means: no empty or dotted parts, no
/// slashes in disguise (RFC 3986 §6.2.2).
fn plain(path: &str) -> Result<Cow<'_, str>, No> {
    const WRONG: No = No::Ambiguous("the path can be read in more than one way");
    let decoded = if path.contains('%') { Cow::Owned(decode(path).ok_or(WRONG)?) } else { Cow::Borrowed(path) };
    let inner = decoded.strip_prefix('/').ok_or(WRONG)?;
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let odd = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains(';');
    let slashes = path.bytes().filter(|b| *b == b'/').count() != decoded.bytes().filter(|b| *b == b'/').count();
    let control = decoded.chars().any(|c| c.is_control() || matches!(c, '\\' | '%' | '?' | '#'));
    if slashes || control || (!inner.is_empty() && inner.split('/').any(odd)) { Err(WRONG) } else { Ok(decoded) }
}

pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok())
}

fn methods(names: &[String]) -> Option<Vec<Method>> {
    let known = || METHODS.split(", ");
    if names.is_empty() {
        return Some(known().filter_map(|name| name.parse().ok()).collect());
    }
    let read = |name: &String| known().find(|known| known == name)?.parse().ok();
    names.iter().map(read).collect()
}

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE, OPTIONS";

fn path(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

/// One route while it is read.
struct Reading<'a, 'w> {
    route: &'a RouteSettings,
    settings: &'a ProxySettings,
    issuers: &'a HashMap<String, Arc<Issuer>>,
    wrong: &'w mut Vec<(&'a str, String)>,
}

type Contacts = Vec<(Side, Field, Vec<Step>)>;

impl<'a> Reading<'a, '_> {
    fn read(mut self) -> Option<(Does, Option<People>, Taken, Contacts)> {
        let route = self.route;
        let does = self.does();
        let taken = self.taken();
        let contacts = self.contacts(&route.contacts);
        let people = self.people();
        self.wrong.is_empty().then_some(())?;
        Some((does?, people, taken, contacts))
    }

    fn refuse(&mut self, key: &'a str, why: impl Into<String>) {
        self.wrong.push((key, why.into()));
    }

    /// Keys that another action has are faults: who wrote them takes something for judged that is not.
    fn does(&mut self) -> Option<Does> {
        let route = self.route;
        let given = [
            ("websocket", Action::Pass, route.websocket),
            ("texts", Action::Scrub, !route.texts.is_empty()),
            ("text", Action::Message, route.text.is_some()),
            ("subject", Action::Message, route.subject.is_some()),
            ("frames", Action::Talk, !route.frames.is_empty()),
            ("others", Action::Talk, route.others),
            ("wrapping", Action::Talk, route.wrapping != FrameWrapping::None),
        ];
        let only_files = route.bodies == [BodyKind::File];
        for (key, of, _) in given.into_iter().filter(|(_, of, given)| *given && *of != route.action) {
            self.refuse(key, format!("belongs to action = \"{}\"", format!("{of:?}").to_lowercase()));
        }
        if route.action == Action::Pass && route.observe {
            self.refuse("observe", "belongs to what is judged: leave `contacts` out to see answers as they are");
        }
        if route.action == Action::Pass && !route.query.is_empty() {
            self.refuse("query", "belongs to what is judged: here every query passes");
        }
        match route.action {
            Action::Pass => Some(Does::Pass { websocket: route.websocket }),
            Action::Scrub if route.texts.is_empty() && route.files.is_empty() && !only_files => {
                self.refuse("texts", "names no text that could be cleaned, nor do `files` or `bodies` name a file");
                None
            }
            Action::Scrub => Some(Does::Scrub { texts: self.pointers("texts", &route.texts) }),
            Action::Message => {
                let Some(text) = &route.text else {
                    self.refuse("text", "a message needs a place where its text stands");
                    return None;
                };
                let text = self.place_in_body("text", text)?;
                let subject = route.subject.as_ref().and_then(|subject| self.place_in_body("subject", subject));
                Some(Does::Message { text, subject })
            }
            Action::Talk if route.frames.is_empty() => {
                self.refuse("frames", "names none: then nothing could be said");
                None
            }
            Action::Talk => {
                let rules = route.frames.iter().map(|frame| self.frame(frame)).collect::<Option<Vec<_>>>()?;
                Some(Does::Talk(Frames { rules, others: route.others, wrapping: route.wrapping }))
            }
        }
    }

    /// Frames of one kind.
    fn frame(&mut self, frame: &'a FrameSettings) -> Option<frames::Rule> {
        let given = [
            ("texts", Action::Scrub, !frame.texts.is_empty()),
            ("text", Action::Message, frame.text.is_some()),
            ("conversation", Action::Message, frame.conversation.is_some()),
        ];
        for (key, of, given) in given {
            if given != (of == frame.action) && (key != "conversation" || given) {
                self.refuse("frames", format!("`{key}` belongs to action = \"{}\"", format!("{of:?}").to_lowercase()));
            }
        }
        if frame.when.is_empty() {
            self.refuse("frames", "`when` names nothing: every frame would fit");
        }
        let mut when = Vec::new();
        for (place, wanted) in &frame.when {
            when.push((self.place_in_body("frames", place)?, wanted.clone()));
        }
        let does = match frame.action {
            Action::Pass => frames::Does::Pass,
            Action::Scrub => frames::Does::Scrub(self.pointers("frames", &frame.texts)),
            Action::Message => frames::Does::Message(self.place_in_body("frames", frame.text.as_deref()?)?),
            Action::Talk => {
                self.refuse("frames", "a frame opens no WebSocket");
                return None;
            }
        };
        let conversation = match &frame.conversation {
            Some(source) => Some(self.place("frames", source)?),
            None => None,
        };
        if frame.action == Action::Message && conversation.is_none() && self.route.conversation.is_none() {
            self.refuse("frames", "a message needs the place where its conversation's id stands");
        }
        let echo = match &frame.echo {
            Some(echo) => Some(self.place_in_body("frames", echo)?),
            None => None,
        };
        Some(frames::Rule { when, does, conversation, refusal: frame.refusal.clone(), echo })
    }

    /// In which forms a body may come. What could not be looked at in one of them is a fault.
    fn taken(&mut self) -> Taken {
        let route = self.route;
        let (kinds, judged) = (route.bodies.clone(), route.action != Action::Pass);
        if !judged && (kinds != [BodyKind::Json] || !route.files.is_empty()) {
            self.refuse("bodies", "belongs to what is judged: here every body passes");
        }
        if kinds.is_empty() {
            self.refuse("bodies", "names none");
        }
        if kinds.contains(&BodyKind::File)
            && (kinds.len() > 1 || route.action == Action::Message || !route.texts.is_empty())
        {
            self.refuse("bodies", "a file stands alone: it takes action = \"scrub\" without texts, and no other body");
        }
        if route.files.is_empty() == kinds.contains(&BodyKind::Multipart) {
            self.refuse("files", "are those of bodies = [\"multipart\"], which names them");
        }
        let mut named = Vec::new();
        if kinds.iter().any(|kind| matches!(kind, BodyKind::Form | BodyKind::Multipart)) {
            let mut places: Vec<(&'a str, &'a String)> = route.texts.iter().map(|text| ("texts", text)).collect();
            places.extend(route.text.iter().map(|text| ("text", text)));
            places.extend(route.subject.iter().map(|text| ("subject", text)));
            let sources = [("conversation", &route.conversation), ("sender", &route.sender), ("side", &route.side)];
            places.extend(sources.into_iter().filter_map(|(key, source)| match source {
                Some(Source::Pointer(text)) => Some((key, text)),
                _ => None,
            }));
            for (key, text) in places {
                let steps = json::pointer(text).unwrap_or_default();
                match steps.first() {
                    Some(Step::Name(name)) if fits_a_form(&steps) => named.push(name.clone()),
                    _ => self.refuse(key, format!("`{text}` is nowhere in a form: there it is /name, or /name[]/*")),
                }
            }
        }
        Taken { kinds, named, files: route.files.clone() }
    }

    fn people(&mut self) -> Option<People> {
        let route = self.route;
        let is_message = match route.action {
            Action::Message => true,
            Action::Talk => route.frames.iter().any(|frame| frame.action == Action::Message),
            Action::Pass | Action::Scrub => false,
        };
        if route.action == Action::Pass && route.contacts.is_empty() {
            return None;
        }
        if route.marketplace.is_none() {
            self.refuse("marketplace", "needed: whose people these are");
        }
        if let Some(each) = &route.each {
            let of_each = matches!(route.conversation, Some(Source::Pointer(_)));
            if json::pointer(each).is_none() || route.contacts.is_empty() {
                self.refuse("each", "is a pointer such as /orders/*, for `contacts`");
            } else if route.action != Action::Pass || !of_each {
                self.refuse("each", "wants action = \"pass\", and a conversation by a pointer that begins there");
            }
        }
        let needed = route.action == Action::Message || !route.contacts.is_empty();
        if needed && route.conversation.is_none() {
            self.refuse("conversation", "needed: where its id stands");
        }
        let shown = route.action != Action::Message && !route.contacts.is_empty();
        if shown && matches!(route.conversation, Some(Source::Header(_))) {
            self.refuse(
                "conversation",
                "not from a header: who can call would be shown the handles of any conversation",
            );
        }
        if is_message && route.sender.is_some() == route.side.is_some() {
            self.refuse("sender", "needed: where the id of who calls stands, or in its place `side`");
        }
        let conversation = route.conversation.as_ref().and_then(|source| self.place("conversation", source));
        let sender = route.sender.as_ref().and_then(|source| self.place("sender", source));
        let side = route.side.as_ref().and_then(|source| self.place("side", source));
        let issuer = self.issuer();
        let scope = Scope::proven(route.marketplace.clone()?);
        Some(People { scope, conversation, sender, side, issuer })
    }

    fn issuer(&mut self) -> Option<Arc<Issuer>> {
        let route = self.route;
        let in_frames = route.frames.iter().map(|frame| &frame.conversation);
        let sources = [&route.conversation, &route.sender, &route.side].into_iter().chain(in_frames);
        if !sources.flatten().any(|source| matches!(source, Source::Claim(_))) {
            return None;
        }
        let all = &self.settings.issuers;
        let only = all.keys().next().filter(|_| all.len() == 1);
        let Some(name) = route.issuer.as_ref().or(only).filter(|name| all.contains_key(*name)) else {
            self.refuse("issuer", "needed for a claim: one of [proxy.issuers]");
            return None;
        };
        self.issuers.get(name).cloned()
    }

    fn place(&mut self, key: &'a str, source: &'a Source) -> Option<Place> {
        match source {
            Source::Path(name) if !self.route.path.contains(&format!("{{{name}}}")) => {
                self.refuse(key, format!("the path has no part {{{name}}}"));
                None
            }
            Source::Path(name) => Some(Place::Path(name.clone())),
            Source::Header(name) if name.contains('_') || name.parse::<HeaderName>().is_err() => {
                self.refuse(key, format!("`{name}` is not a header field; with an underscore it is not sent on"));
                None
            }
            Source::Header(name) => Some(Place::Header(name.to_ascii_lowercase())),
            Source::Claim(name) => Some(Place::Claim(name.clone())),
            Source::Pointer(text) => self.place_in_body(key, text).map(Place::Body),
        }
    }

    fn place_in_body(&mut self, key: &'a str, text: &str) -> Option<Vec<Step>> {
        let steps = json::pointer(text).filter(|steps| !steps.contains(&Step::Every));
        if steps.is_none() {
            self.refuse(key, format!("`{text}` is not a pointer to one place such as /message/body"));
        }
        steps
    }

    fn pointers(&mut self, key: &'a str, texts: &[String]) -> Vec<Vec<Step>> {
        let mut all = Vec::with_capacity(texts.len());
        for text in texts {
            match json::pointer(text) {
                Some(steps) => all.push(steps),
                None => self.refuse(key, format!("`{text}` is not a pointer such as /items/*/note")),
            }
        }
        all
    }

    fn contacts(&mut self, fields: &'a ContactFields) -> Contacts {
        let mut all = Vec::new();
        for (side, SideFields { email, phone, address, name }) in
            [(Side::Buyer, &fields.buyer), (Side::Seller, &fields.seller)]
        {
            for (field, texts) in
                [(Field::Email, email), (Field::Phone, phone), (Field::Address, address), (Field::Name, name)]
            {
                all.extend(self.pointers("contacts", texts).into_iter().map(|steps| (side, field, steps)));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPSTREAM: &str = "[upstreams.chat]\naddresses = [\"127.0.0.1:9\"]\n";

    fn routes(text: &str) -> Result<Routes, Vec<String>> {
        let settings: ProxySettings = toml::from_str(&format!("{UPSTREAM}{text}")).unwrap();
        let told = |(path, why): Unusable| format!("{}: {why}", path.join("."));
        Routes::new(&settings, &HashMap::new()).map_err(|wrong| wrong.into_iter().map(told).collect())
    }

    const SEND: &str = "[routes.send]\nupstream = \"chat\"\nmethods = [\"POST\"]\npath = \"/talks/{id}/messages\"\n\
         action = \"message\"\nmarketplace = \"demo\"\nconversation = { path = \"id\" }\nside = { header = \"x-side\" }\n\
         text = \"/body\"\n";
    const REST: &str = "[routes.rest]\nupstream = \"chat\"\npath = \"/{*rest}\"\naction = \"pass\"\n";

    #[test]
    fn every_fault_of_the_routes_is_told_at_once_and_two_that_take_the_same_are_named_both() {
        let twice = SEND.replace("routes.send", "routes.tell").replace("{id}", "{talk}").replace("\"id\"", "\"talk\"");
        let wrong = routes(&format!("{SEND}{twice}")).err().unwrap();
        assert_eq!(wrong, ["proxy.routes.tell.path: ambiguous: the route `send` takes the same calls"]);

        let wrong = routes(
            "[routes.a]\nupstream = \"nowhere\"\npath = \"/a\"\naction = \"message\"\ntexts = [\"x\"]\n\
             [routes.b]\nupstream = \"chat\"\npath = \"/b\"\naction = \"scrub\"\nmarketplace = \"demo\"\ntexts = [\"x\"]\n\
             [routes.c]\nupstream = \"chat\"\npath = \"/c\"\naction = \"pass\"\nmethods = [\"LOOK\"]\n\
             [upstreams.idle]\naddresses = [\"here\"]\n",
        );
        let wrong = wrong.err().unwrap().join("\n");
        for key in [
            "routes.a.upstream",
            "routes.a.texts",
            "routes.a.text:",
            "routes.a.marketplace",
            "routes.a.conversation",
            "routes.a.sender",
            "routes.b.texts",
            "routes.c.methods",
            "upstreams.idle: no route",
            "upstreams.idle.addresses",
        ] {
            assert!(wrong.contains(key), "{key} is not in\n{wrong}");
        }
    }

    #[test]
    fn a_route_that_no_call_can_meet_is_a_fault_and_so_is_a_field_that_is_none() {
        for path in ["/caf%C3%A9/{id}", "talks/{id}/messages", "/a//{id}", "/a;b/{id}", "/a/../{id}", "/a/{id}?x"] {
            let text = SEND.replace("/talks/{id}/messages", path);
            let wrong = routes(&text).err().unwrap_or_default();
            assert!(wrong.iter().any(|why| why.starts_with("proxy.routes.send.path: ")), "{path}: {wrong:?}");
        }
        let shown = SEND.replace("\"message\"", "\"pass\"").replace("{ path = \"id\" }", "{ header = \"x-talk\" }");
        let shown = shown.replace("text = \"/body\"\n", "contacts = { buyer = { email = [\"/email\"] } }\n");
        let wrong = routes(&shown).err().unwrap_or_default();
        assert!(wrong.iter().any(|why| why.starts_with("proxy.routes.send.conversation: ")), "{wrong:?}");
        for name in ["X User:", "x_side", ""] {
            let wrong = routes(&SEND.replace("x-side", name)).err().unwrap_or_default();
            assert!(wrong.iter().any(|why| why.starts_with("proxy.routes.send.side: ")), "{name}: {wrong:?}");
        }
    }

    #[test]
    fn a_query_beside_what_is_judged_has_only_what_may_stand_there() {
        let routes = routes(&format!("{SEND}query = [\"lang\"]\n")).ok().unwrap();
        let route = routes.find(&Method::POST, "/talks/c-1/messages").ok().unwrap().route;
        for (query, wanted) in [
            ("", true),
            ("lang=id", true),
            ("lang=id&lang=pl", true),
            ("lang=id&body=x", false),
            ("lang=id;body=x", false),
            ("l%61ng=id", false),
        ] {
            assert_eq!(route.takes_query(query), wanted, "{query}");
        }
    }

    #[test]
    fn no_spelling_of_a_path_leads_past_what_is_judged() {
        let routes = routes(&format!("{SEND}{REST}")).ok().unwrap();
        let name = |method: Method, path: &str| routes.find(&method, path).map(|found| found.route.name.clone());
        assert_eq!(name(Method::POST, "/talks/c-1/messages"), Ok("send".to_owned()));
        assert_eq!(name(Method::POST, "/talks/c%2D1/m%65ssages"), Ok("send".to_owned()));
        assert_eq!(name(Method::POST, "/talks/c-1"), Ok("rest".to_owned()));
        assert_eq!(name(Method::GET, "/talks/c-1/messages"), Ok("rest".to_owned()));
        assert_eq!(name(Method::HEAD, "/img/a%20b.png"), Ok("rest".to_owned()));
        for path in [
            "/talks/c-1/messages/",
            "/Talks/c-1/MESSAGES",
            "//talks/c-1/messages",
            "/talks/c-1//messages",
            "/x/../talks/c-1/messages",
            "/x/%2e%2e/talks/c-1/messages",
            "/talks/c-1%2fmessages",
            "/talks/c-1/messages%00",
            "/talks/c-1/messages;v=1",
            "/talks\\c-1\\messages",
            "/talks/c-1/messages%",
            "/talks/c-1/%256dessages",
            "/talks/c-1/%ff",
            "talks/c-1/messages",
        ] {
            assert!(matches!(name(Method::POST, path), Err(No::Ambiguous(_))), "{path}");
        }
        for method in ["post", "TRACE", "CONNECT", "PROPFIND"] {
            assert_eq!(name(method.parse().unwrap(), "/talks/c-1/messages"), Err(No::Path), "{method}");
        }
        assert!(routes.find(&Method::GET, "/talks/c-1/messages").ok().unwrap().judged_nearby);
        assert!(!routes.find(&Method::GET, "/talks").ok().unwrap().judged_nearby);
    }
}
