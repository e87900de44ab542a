//! `[proxy]`: which calls go where, and what of each is judged.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::model::{Duration, Marketplace};

/// `[proxy]`: the chat that is there already, behind us.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct ProxySettings {
    /// Bytes of a body that passes through.
    #[serde(deserialize_with = "crate::media::attachment::size")]
    pub max_body: u64,
    /// Bytes of a body that is judged, and of an answer in which contacts are replaced: it is held in memory whole.
    #[serde(deserialize_with = "crate::media::attachment::size")]
    pub max_judged: u64,
    /// Bytes of a body with files that are judged: it is held in memory whole, sixteen of them at a time.
    #[serde(deserialize_with = "crate::media::attachment::size")]
    pub max_upload: u64,
    /// Who signs the tokens that callers bring (RFC 7519), by name.
    pub issuers: BTreeMap<String, IssuerSettings>,
    /// Where calls go, by name.
    pub upstreams: BTreeMap<String, UpstreamSettings>,
    /// Which calls there are, by name.
    pub routes: BTreeMap<String, RouteSettings>,
}

impl Default for ProxySettings {
    fn default() -> Self {
        Self {
            max_body: 36_000_000,
            max_judged: 1_000_000,
            max_upload: 12_000_000,
            issuers: BTreeMap::new(),
            upstreams: BTreeMap::new(),
            routes: BTreeMap::new(),
        }
    }
}

impl ProxySettings {
    /// Relative paths start at `folder`.
    pub fn start_at(&mut self, folder: &Path) {
        for issuer in self.issuers.values_mut() {
            issuer.keys = folder.join(&issuer.keys);
        }
        for tls in self.upstreams.values_mut().filter_map(|upstream| upstream.tls.as_mut()) {
            tls.ca = tls.ca.as_ref().map(|ca| folder.join(ca));
        }
    }
}

/// Who signs tokens.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// A file with its keys, a JWK set (RFC 7517): `oct` (HS256), `RSA` (RS256), `EC` P-256 (ES256), `OKP` Ed25519 (EdDSA).
    pub keys: PathBuf,
    /// What `iss` must say, where it is looked at.
    #[serde(default)]
    pub issuer: Option<String>,
    /// What `aud` must name, where it is looked at.
    #[serde(default)]
    pub audience: Option<String>,
    /// The cookie that carries the token; without it the token comes as `Authorization: Bearer`.
    #[serde(default)]
    pub cookie: Option<String>,
}

/// Where calls go.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct UpstreamSettings {
    /// Hosts with their ports, such as `10.0.0.7:8080`, used in turn. They speak HTTP/1.1.
    pub addresses: Vec<String>,
    /// How long a connection may take.
    #[serde(default = "connect")]
    pub connect: Duration,
    /// How long an answer may take, from the call's first byte to the end of the answer's head.
    #[serde(default = "answer")]
    pub answer: Duration,
    /// TLS on the way there; left out: plain HTTP.
    #[serde(default)]
    pub tls: Option<UpstreamTls>,
    /// What is asked now and then to know which address lives; left out: calls alone tell.
    #[serde(default)]
    pub health: Option<Health>,
    /// How a refusal looks, where it is to look like the upstream's own.
    #[serde(default)]
    pub refusal: Option<RefusalSettings>,
}

/// TLS to an upstream, whose certificate must be vouched for.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamTls {
    /// A PEM file with roots of your own; the public ones are always known.
    pub ca: Option<PathBuf>,
    /// The name in its certificates; left out: what stands in the address.
    pub name: Option<String>,
}

/// How an upstream is asked whether it lives.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// What is fetched: an answer of 2xx or 3xx is life.
    pub path: String,
    /// How often; no answer is waited for longer than that.
    #[serde(default = "every")]
    pub every: Duration,
}

fn every() -> Duration {
    Duration::seconds(5)
}

fn connect() -> Duration {
    Duration::seconds(2)
}

fn answer() -> Duration {
    Duration::seconds(60)
}

/// How a refusal looks: `{code}`, `{title}` and `{status}` in it are replaced.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct RefusalSettings {
    /// Its media type.
    #[serde(rename = "type", default = "json")]
    pub media_type: String,
    /// Its body.
    pub body: String,
}

fn json() -> String {
    "application/json".to_owned()
}

/// Calls of one kind.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct RouteSettings {
    /// Where they go.
    pub upstream: String,
    /// Their methods; empty: all.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Their path, such as `/api/conversations/{id}/messages`; `{*rest}` at the end is everything below.
    pub path: String,
    /// What becomes of them.
    pub action: Action,
    /// Whose people these are: needed where something is judged or replaced.
    #[serde(default)]
    pub marketplace: Option<Marketplace>,
    /// Where the conversation's id stands.
    #[serde(default)]
    pub conversation: Option<Source>,
    /// Where the id of the party stands that calls: which side that is follows from the conversation.
    #[serde(default)]
    pub sender: Option<Source>,
    /// Where the side stands, `buyer` or `seller`, if the party's id is not there to be had.
    #[serde(default)]
    pub side: Option<Source>,
    /// Of `message`: where the text stands (RFC 6901).
    #[serde(default)]
    pub text: Option<String>,
    /// Of `message`: where a subject may stand.
    #[serde(default)]
    pub subject: Option<String>,
    /// Of `scrub`: where texts stand; `*` is every item of a list.
    #[serde(default)]
    pub texts: Vec<String>,
    /// Of `scrub` and `message`: what may stand in the query. Nothing in it is judged, and many services take a text from
    /// there as well as from the body.
    #[serde(default)]
    pub query: Vec<String>,
    /// Of `scrub` and `message`: in which forms the body may come. In a form that is not JSON a text stands at `/name`, or at
    /// `/name[]/*` where the name comes several times.
    #[serde(default = "only_json")]
    pub bodies: Vec<BodyKind>,
    /// Of `scrub` and `message` with `multipart`: under which names files may come; `*` is any. They are made afresh and
    /// judged like those of a mail.
    #[serde(default)]
    pub files: Vec<String>,
    /// Of `talk`: which frames are what; the first that fits.
    #[serde(default)]
    pub frames: Vec<FrameSettings>,
    /// Of `talk`: whether a frame that fits none of them goes through. Bytes and what can not be read in one way never do.
    #[serde(default)]
    pub others: bool,
    /// Of `talk`: what stands around the JSON of a frame.
    #[serde(default)]
    pub wrapping: FrameWrapping,
    /// Whether calls go through as they came, their answers too, and are judged aside: what would have become of them is
    /// counted (`tabir_proxy_observed_total`). For trying a route before it is in force.
    #[serde(default)]
    pub observe: bool,
    /// Contacts in answers; of `talk` in what the service tells.
    #[serde(default)]
    pub contacts: ContactFields,
    /// Where an answer speaks of several conversations: the places (RFC 6901; `*` is every item of a list) of what speaks of
    /// one. The pointers of `contacts`, and that of `conversation`, begin there.
    #[serde(default)]
    pub each: Option<String>,
    /// Whose token is looked at for `claim`; left out where there is only one issuer.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Of `pass`: whether a WebSocket may be opened. Nothing in it is judged.
    #[serde(default)]
    pub websocket: bool,
}

fn only_json() -> Vec<BodyKind> {
    vec![BodyKind::Json]
}

/// A form in which a judged body may come.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum BodyKind {
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`: a form with files.
    Multipart,
    /// The body is one file, whatever it calls itself.
    File,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It goes through as it is.
    Pass,
    /// Its texts are cleaned; nothing is kept.
    Scrub,
    /// It is a message of one side to the other: the contact policy, the detectors and the evidence have it first.
    Message,
    /// It opens a WebSocket in which what the caller says is judged, frame by frame.
    Talk,
}

/// Frames of one kind.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct FrameSettings {
    /// What stands where in them (RFC 6901), such as `{ "/method" = "sendMessage" }`.
    pub when: BTreeMap<String, String>,
    /// What becomes of them: all but `talk`.
    pub action: Action,
    /// Of `message`: where the conversation's id stands, if not where the route says.
    #[serde(default)]
    pub conversation: Option<Source>,
    /// Of `message`: where the text stands.
    #[serde(default)]
    pub text: Option<String>,
    /// Of `scrub`: where texts stand.
    #[serde(default)]
    pub texts: Vec<String>,
    /// What the caller reads when one is refused: `{status}`, `{code}`, `{title}` and `{echo}` are filled in. Left out: the
    /// connection ends with 1008.
    #[serde(default)]
    pub refusal: Option<String>,
    /// What of the frame stands in the refusal as `{echo}`, as JSON.
    #[serde(default)]
    pub echo: Option<String>,
}

/// What stands around the JSON of a frame.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum FrameWrapping {
    /// Nothing.
    #[default]
    None,
    /// The digits of Engine.IO and Socket.IO before it.
    Socketio,
}

/// Where something is to be found.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Source {
    /// A named part of the path.
    Path(String),
    /// A header field of the call. Whoever can call can write it: for what stands in front and sets it.
    Header(String),
    /// A place in the body (RFC 6901); of a route that judges nothing, in the body of the answer.
    Pointer(String),
    /// A claim of the caller's token, whose signature is checked.
    Claim(String),
}

/// Where contacts stand in answers (RFC 6901; `*` is every item of a list). Each is replaced by what stands for it, or
/// by `null` where nothing does.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct ContactFields {
    /// Of the buyer.
    pub buyer: SideFields,
    /// Of the seller.
    pub seller: SideFields,
}

impl ContactFields {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where the contacts of one side stand.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct SideFields {
    /// Its mail address.
    pub email: Vec<String>,
    /// Its phone number: that of the pool, once one was lent to the conversation.
    pub phone: Vec<String>,
    /// Its postal address.
    pub address: Vec<String>,
    /// Its name.
    pub name: Vec<String>,
}
