//! The table of routes. A line here is a route, its callers and its place in `openapi.json`.

use hyper::Method;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, Ref, RefOr, ResponseBuilder, SecurityRequirement,
        path::Operation,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::{
    call::{Answered, Answering, Call, JSON, Reply},
    cases, conversations, disclosures, events, evidence, fear, handles, held, labels, links, messages, orders, parties,
    pickups,
    problem::{PROBLEM_JSON, Problem},
    registrations, reports, reviews, rights, scrub, standing, tokens, violations, voice, webhooks,
};
use crate::desk::TokenScope;

/// A route.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) serve: Serve,
    /// Whether its body may hold files.
    pub(super) files: bool,
    pub(super) keeps: Keeps,
}

/// Who is served, and by what.
pub(super) enum Serve {
    /// Whoever asks.
    Anybody(fn() -> Answered),
    /// A caller with one of these scopes.
    Known(&'static [Who], Handler),
}

/// A handler.
pub(super) type Handler = for<'a> fn(&'a Call<'a>) -> Answering<'a>;

/// What is kept under an Idempotency-Key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    /// The answer.
    Answer,
    /// Only that it was given, and the id of what was made: what it says must stay where an erasure finds it.
    Mark,
}

/// The kinds of token scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Auditor,
    Carrier,
    Marketplace,
    Seller,
    Support,
}

impl Who {
    /// Whether a scope is of this kind.
    pub(super) fn is(self, scope: &TokenScope) -> bool {
        match scope {
            TokenScope::Auditor => self == Self::Auditor,
            TokenScope::Carrier { .. } => self == Self::Carrier,
            TokenScope::Marketplace => self == Self::Marketplace,
            TokenScope::Seller { .. } => self == Self::Seller,
            TokenScope::Support => self == Self::Support,
        }
    }
}

macro_rules! routes {
    ($($method:ident $path:literal $who:ident $($room:ident)::+;)*) => {
        fn table() -> Vec<Route> {
            vec![$(Route::new(Method::$method, $path, $who, |call| Box::pin($($room)::+(call)))),*]
        }

        #[derive(OpenApi)]
        #[openapi(
            info(
                title = "tabir",
                description = "A relay between the sellers and the buyers of a marketplace, who never learn each other's address."
            ),
            paths(document, $($($room)::+),*),
            components(schemas(Problem)),
            modifiers(&Everywhere)
        )]
        struct Document;
    };
}

const MARKET: &[Who] = &[Who::Marketplace];
const DESK: &[Who] = &[Who::Marketplace, Who::Support];
const SIDES: &[Who] = &[Who::Marketplace, Who::Seller];
const TALK: &[Who] = &[Who::Marketplace, Who::Seller, Who::Support];
const WATCH: &[Who] = &[Who::Auditor, Who::Marketplace, Who::Support];
const CASE: &[Who] = &[Who::Auditor, Who::Marketplace, Who::Seller, Who::Support];
const HEARD: &[Who] = &[Who::Auditor, Who::Marketplace, Who::Seller, Who::Support];
const CARRIER: &[Who] = &[Who::Carrier];
const ALL: &[Who] = &[Who::Auditor, Who::Carrier, Who::Marketplace, Who::Seller, Who::Support];

routes! {
    PUT    "/v1/parties/{id}"                        MARKET  parties::put;
    GET    "/v1/parties/{id}"                        DESK    parties::show;
    DELETE "/v1/parties/{id}"                        MARKET  parties::forget;
    PUT    "/v1/parties/{id}/agents/{agent}"         MARKET  parties::put_agent;
    GET    "/v1/parties/{id}/disclosures"            WATCH   disclosures::list;
    PUT    "/v1/orders/{id}"                         MARKET  orders::put;
    PUT    "/v1/conversations/{id}"                  MARKET  conversations::put;
    GET    "/v1/conversations/{id}"                  TALK    conversations::show;
    GET    "/v1/conversations/{id}/label"            TALK    labels::show;
    GET    "/v1/conversations"                       TALK    conversations::list;
    POST   "/v1/conversations/{id}/messages"         TALK    messages::post;
    GET    "/v1/conversations/{id}/messages"         TALK    messages::list;
    POST   "/v1/conversations/{id}/handles/rotate"   SIDES   handles::rotate;
    POST   "/v1/conversations/{id}/block"            SIDES   conversations::block;
    POST   "/v1/conversations/{id}/unblock"          SIDES   conversations::unblock;
    POST   "/v1/conversations/{id}/afraid"           DESK    fear::afraid;
    GET    "/v1/messages/{id}"                       DESK    messages::show;
    POST   "/v1/messages/{id}/decision"              DESK    held::decide;
    GET    "/v1/held"                                DESK    held::list;
    POST   "/v1/conversations/{id}/registrations"    DESK    registrations::draw;
    GET    "/v1/conversations/{id}/registrations"    DESK    registrations::list;
    POST   "/v1/registrations/{handle}/domains"      DESK    registrations::answer;
    DELETE "/v1/registrations/{handle}"              DESK    registrations::close;
    GET    "/v1/handles/{handle}"                    DESK    handles::show;
    POST   "/v1/handles/{handle}/redeem"             CARRIER handles::redeem;
    PUT    "/v1/pickups/{id}"                        MARKET  pickups::announce;
    GET    "/v1/pickups/{id}"                        DESK    pickups::show;
    DELETE "/v1/pickups/{id}"                        MARKET  pickups::end;
    POST   "/v1/pickups/check"                       DESK    pickups::check;
    PUT    "/v1/reviews/{id}"                        MARKET  reviews::put;
    DELETE "/v1/reviews/{id}"                        MARKET  reviews::withdraw;
    POST   "/v1/scrub"                               TALK    scrub::post;
    POST   "/v1/tokens"                              MARKET  tokens::issue;
    GET    "/v1/tokens"                              MARKET  tokens::list;
    DELETE "/v1/tokens/{id}"                         MARKET  tokens::revoke;
    GET    "/v1/events"                              WATCH   events::list;
    PUT    "/v1/webhooks/{id}"                       MARKET  webhooks::put;
    GET    "/v1/webhooks/{id}"                       MARKET  webhooks::show;
    GET    "/v1/webhooks"                            MARKET  webhooks::list;
    DELETE "/v1/webhooks/{id}"                       MARKET  webhooks::remove;
    POST   "/v1/webhooks/{id}/secret"                MARKET  webhooks::rotate;
    POST   "/v1/webhooks/{id}/replay"                MARKET  webhooks::replay;
    GET    "/v1/violations"                          HEARD   violations::list;
    GET    "/v1/violations/{id}"                     HEARD   violations::show;
    POST   "/v1/violations/{id}/appeal"              SIDES   violations::appeal;
    POST   "/v1/appeals/{id}/decision"               DESK    violations::decide;
    POST   "/v1/conversations/{id}/tickets"          SIDES   violations::file_ticket;
    GET    "/v1/tickets"                             TALK    violations::tickets;
    POST   "/v1/tickets/{id}/decision"               DESK    violations::rule_ticket;
    GET    "/v1/parties/{id}/standing"               HEARD   standing::show;
    PUT    "/v1/parties/{id}/closing"                SIDES   standing::close;
    GET    "/v1/links"                               WATCH   links::list;
    GET    "/v1/parties/{id}/links"                  HEARD   links::show;
    POST   "/v1/parties/{id}/links/{link}/dispute"   SIDES   links::dispute;
    POST   "/v1/parties/{id}/links/{link}/decision"  DESK    links::decide;
    POST   "/v1/parties/{id}/links/{link}/confirm"   DESK    links::confirm;
    GET    "/v1/conversations/{id}/evidence"         WATCH   evidence::bundle;
    GET    "/v1/conversations/{id}/letters"          TALK    voice::list;
    PUT    "/v1/cases/{id}"                          DESK    cases::put;
    GET    "/v1/cases/{id}"                          CASE    cases::show;
    GET    "/v1/cases"                               WATCH   cases::list;
    POST   "/v1/cases/{id}/evidence"                 TALK    cases::evidence;
    POST   "/v1/cases/{id}/offers"                   SIDES   cases::offer;
    POST   "/v1/cases/{id}/take"                     DESK    cases::take;
    POST   "/v1/cases/{id}/decision"                 DESK    cases::decide;
    GET    "/v1/cases/{id}/evidence"                 WATCH   evidence::of_case;
    GET    "/v1/cases/{id}/items/{item}/files/{n}"   CASE    cases::file;
    POST   "/v1/reports"                             DESK    reports::post;
    GET    "/v1/reports"                             DESK    reports::list;
    GET    "/v1/reports/{id}"                        DESK    reports::show;
    POST   "/v1/reports/{id}/confirm"                DESK    reports::confirm;
    GET    "/v1/parties/{id}/leaks"                  WATCH   reports::leaks;
    GET    "/v1/evidence-key"                        ALL     evidence::key;
    GET    "/v1/anchors"                             WATCH   evidence::anchors;
    POST   "/v1/disclosures"                         DESK    disclosures::ask;
    GET    "/v1/disclosures/{id}"                    WATCH   disclosures::show;
    POST   "/v1/disclosures/{id}/approve"            DESK    disclosures::approve;
    POST   "/v1/disclosures/{id}/read"               DESK    disclosures::read;
    PUT    "/v1/parties/{id}/holds/{reference}"      MARKET  rights::hold;
    DELETE "/v1/parties/{id}/holds/{reference}"      MARKET  rights::release;
    GET    "/v1/parties/{id}/rights"                 WATCH   rights::show;
    PUT    "/v1/parties/{id}/restriction"            MARKET  rights::restrict;
    DELETE "/v1/parties/{id}/restriction"            MARKET  rights::unrestrict;
}

impl Route {
    fn new(method: Method, path: &'static str, who: &'static [Who], handler: Handler) -> Self {
        let takes_files = matches!(
            path,
            "/v1/scrub"
                | "/v1/conversations/{id}/messages"
                | "/v1/cases/{id}"
                | "/v1/cases/{id}/evidence"
                | "/v1/reports"
        );
        let files = takes_files && method != Method::GET;
        // Scrubbing is done again: it says that it stores nothing.
        let marks =
            ["/v1/cases", "/v1/reports", "/v1/violations", "/v1/appeals", "/v1/tickets", "/v1/parties/{id}/links"]
                .iter()
                .any(|words| path.starts_with(words))
                || matches!(
                    path,
                    "/v1/handles/{handle}/redeem"
                        | "/v1/conversations/{id}/messages"
                        | "/v1/conversations/{id}/tickets"
                        | "/v1/messages/{id}/decision"
                        | "/v1/pickups/check"
                        | "/v1/scrub"
                        | "/v1/disclosures/{id}/read"
                );
        let keeps = if marks { Keeps::Mark } else { Keeps::Answer };
        Self { method, path, serve: Serve::Known(who, handler), files, keeps }
    }
}

/// The methods of a path, as `Allow` lists them.
pub(super) fn methods(routes: &[Route]) -> String {
    let head = routes.iter().any(|r| r.method == Method::GET).then_some("HEAD");
    routes.iter().map(|r| r.method.as_str()).chain(head).collect::<Vec<_>>().join(", ")
}

/// The routes by path.
pub(super) fn paths() -> matchit::Router<Vec<Route>> {
    let mut by_path: Vec<(&'static str, Vec<Route>)> = vec![("/openapi.json", vec![open_document()])];
    for route in table() {
        match by_path.iter_mut().find(|(path, _)| *path == route.path) {
            Some((_, routes)) => routes.push(route),
            None => by_path.push((route.path, vec![route])),
        }
    }
    let mut router = matchit::Router::new();
    for (path, routes) in by_path {
        if let Err(error) = router.insert(path, routes) {
            // A constant table: a test inserts every line.
            tracing::error!(%error, path, "a route is left out");
        }
    }
    router
}

fn open_document() -> Route {
    let answer = || Ok(Reply { status: hyper::StatusCode::OK, body: openapi_json().into_bytes(), media_type: JSON });
    Route {
        method: Method::GET,
        path: "/openapi.json",
        serve: Serve::Anybody(answer),
        files: false,
        keeps: Keeps::Answer,
    }
}

/// The document of the API (OpenAPI 3.1), made from the code.
pub fn openapi_json() -> String {
    // A document of texts always serialises.
    Document::openapi().to_pretty_json().unwrap_or_default()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "about", responses((status = 200, description = "OpenAPI 3.1")))]
#[expect(dead_code, reason = "stands for the route in the document")]
fn document() {}

/// What every operation has: a bearer token, and problems.
struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
        for (path, item) in &mut document.paths.paths {
            let methods = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
            for operation in methods.into_iter().flatten() {
                if path != "/openapi.json" {
                    complete(operation);
                }
            }
        }
    }
}

fn complete(operation: &mut Operation) {
    operation.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let problem = ResponseBuilder::new().description("a problem (RFC 9457)").content(PROBLEM_JSON, content).build();
    operation.responses.responses.insert("default".to_owned(), RefOr::T(problem));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn document() -> Value {
        serde_json::from_str(&openapi_json()).unwrap()
    }

    #[test]
    fn the_document_has_every_route_and_no_other() {
        let mut routed: BTreeSet<(String, String)> =
            table().iter().map(|r| (r.path.to_owned(), r.method.as_str().to_lowercase())).collect();
        routed.insert(("/openapi.json".to_owned(), "get".to_owned()));
        let document = document();
        let written: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |m| (path.clone(), m.clone())))
            .collect();
        assert_eq!(routed, written);
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    }

    #[test]
    fn every_route_can_be_found() {
        let router = paths();
        for route in table() {
            let path = route
                .path
                .replace("{id}", "x")
                .replace("{handle}", "y")
                .replace("{agent}", "z")
                .replace("{link}", "l")
                .replace("{reference}", "r");
            let found = router.at(&path).unwrap();
            assert!(found.value.iter().any(|r| r.method == route.method && r.path == route.path), "{path}");
        }
    }

    #[test]
    fn what_is_not_built_is_not_promised() {
        let text = openapi_json();
        assert!(!text.contains("\"/console"));
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        let document = document();
        let mut open = vec![&document];
        while let Some(value) = open.pop() {
            match value {
                Value::Object(map) => {
                    if let Some(Value::String(target)) = map.get("$ref") {
                        let pointer = target.trim_start_matches('#');
                        assert!(document.pointer(pointer).is_some(), "{target}");
                    }
                    open.extend(map.values());
                }
                Value::Array(list) => open.extend(list),
                _ => {}
            }
        }
    }

    #[test]
    fn only_a_carrier_redeems_and_a_seller_never_reaches_the_desk() {
        let callers = |path: &str, method: Method| {
            let route = table().into_iter().find(|r| r.path == path && r.method == method).unwrap();
            match route.serve {
                Serve::Known(who, _) => who.to_vec(),
                Serve::Anybody(_) => panic!("{path} is open"),
            }
        };
        assert_eq!(callers("/v1/handles/{handle}/redeem", Method::POST), [Who::Carrier]);
        for route in table() {
            let who = callers(route.path, route.method.clone());
            let sellers =
                ["/v1/cases", "/v1/conversations", "/v1/scrub", "/v1/evidence-key", "/v1/violations", "/v1/tickets"];
            let own = [
                "/v1/parties/{id}/standing",
                "/v1/parties/{id}/closing",
                "/v1/parties/{id}/links",
                "/v1/parties/{id}/links/{link}/dispute",
            ];
            let own = own.contains(&route.path);
            let rules = route.path == "/v1/tickets/{id}/decision";
            let talks = sellers.iter().any(|s| route.path.starts_with(s)) && route.method != Method::PUT && !rules;
            let open = own || talks;
            assert!(open || !who.contains(&Who::Seller), "{} {}", route.method, route.path);
        }
    }
}
