//! Mail to a handle that a buyer gave to somebody else than the seller.

use bytes::Bytes;

use super::{
    Smtp,
    proof::{Claim, Proven},
    receive::Envelope,
    reply::{self, Reply},
};
use crate::{
    media::mail,
    relay::{Route, Welcome},
};

impl Smtp {
    /// What is answered for it. Its author's domain must be proven; who is not hears of no handle.
    pub(super) async fn registered(
        &self,
        route: &Route,
        local: &str,
        envelope: &Envelope,
        opened: &mail::Opened,
        bytes: &Bytes,
    ) -> Reply {
        let claim = Claim::of(envelope, local, opened, bytes);
        let address = match self.prover.prove(self.required(&route.scope), &claim).await {
            Proven::Yes { address, .. } => address,
            Proven::NotNow => return reply::UNPROVABLE_NOW.into(),
            Proven::No => return self.not_for(route).await,
        };
        if opened.is_report || opened.report.is_some() {
            return reply::REPORT.into();
        }
        let Some(domain) = registered_domain(address.reveal()) else { return self.not_for(route).await };
        let (scope, handle) = (&route.scope, route.hash.0.as_slice());
        // Of each by itself: nobody uses up what another may.
        let pace = self.desk.fingerprint(scope, &[b"registration pace", handle, domain.as_bytes()], &[]).key;
        if !self.terms.load().gates.may_hand_in(pace) {
            return reply::TOO_MANY.into();
        }
        // A host that lost our answer comes again with the same bytes.
        let asked = self.desk.fingerprint(scope, &[b"registration mail", handle, bytes], &[]);
        match self.relay.welcome(route, (address.reveal(), &domain), &opened.content, asked).await {
            Ok(Welcome::Taken) => reply::OK.into(),
            Ok(Welcome::Asked) => reply::ASKED.into(),
            Ok(Welcome::Refused(refusal)) => reply::of_refusal(&refusal),
            Ok(Welcome::Stranger) => self.not_for(route).await,
            Err(fault) => reply::of_fault(&fault),
        }
    }

    async fn not_for(&self, route: &Route) -> Reply {
        match self.relay.stranger(route).await {
            Ok(()) => reply::NO_SUCH_ADDRESS.into(),
            Err(fault) => reply::of_fault(&fault),
        }
    }
}

/// Under which name somebody registered the domain of an address; `None`: it is nobody's own, or everybody's.
fn registered_domain(address: &str) -> Option<String> {
    let domain = idna::domain_to_ascii(address.rsplit_once('@')?.1).ok()?;
    psl::domain_str(&domain).filter(|domain| !FOR_EVERYBODY.contains(domain)).map(str::to_owned)
}

/// Who gives an address to whoever asks: to let them in would let in everybody, the seller too.
const FOR_EVERYBODY: [&str; 30] = [
    "126.com",
    "163.com",
    "aol.com",
    "fastmail.com",
    "gmail.com",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.com",
    "icloud.com",
    "interia.pl",
    "live.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "naver.com",
    "o2.pl",
    "onet.pl",
    "op.pl",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "wp.pl",
    "yahoo.co.id",
    "yahoo.com",
    "yandex.ru",
    "zoho.com",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_whose_it_is_and_a_public_suffix_is_nobodys() {
        let cases = [
            ("news@mail.brand.co.id", Some("brand.co.id")),
            ("a@brand.example", Some("brand.example")),
            ("a@bücher.example", Some("xn--bcher-kva.example")),
            ("a@co.id", None),
            ("brand@gmail.com", None),
            ("nobody", None),
        ];
        for (address, domain) in cases {
            assert_eq!(registered_domain(address).as_deref(), domain, "{address}");
        }
    }
}
