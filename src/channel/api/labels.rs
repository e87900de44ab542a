//! Labels of parcels: a code that a carrier redeems stands where a street would be.

use hyper::StatusCode;

use super::{
    call::{Answered, Call, Reply},
    problem::{Code, Problem},
    wire::SideBody,
};
use crate::model::{ConversationId, Side};

/// A label for a parcel to one side, in the language of label printers (ZPL II), 4 by 6 inches at 203 dots: the public name,
/// the postal handle to read and to scan, and nothing of the person. Nothing on it can be chosen by who prints it.
#[utoipa::path(
    get, path = "/v1/conversations/{id}/label", tag = "handles",
    params(
        ("id" = String, Path, description = "the marketplace's id"),
        ("to" = Option<SideBody>, Query, description = "to whom: `buyer` when absent, `seller` for what comes back"),
        ("format" = Option<String>, Query, description = "`zpl`, the only one")
    ),
    responses(
        (status = 200, description = "the label", body = String, content_type = "application/x-zpl"),
        (status = 404, description = "no such conversation, or no postal handle stands for that side in it")
    )
)]
pub(super) async fn show(call: &Call<'_>) -> Answered {
    call.query.only(&["to", "format"])?;
    let id: ConversationId = call.id("id")?;
    call.takes_part(&id).await?;
    if call.query.get("format").is_some_and(|format| format != "zpl") {
        return Err(Problem::field("format", "not zpl"));
    }
    let to = match call.query.get("to") {
        None | Some("buyer") => Side::Buyer,
        Some("seller") => Side::Seller,
        Some(_) => return Err(Problem::field("to", "not buyer or seller")),
    };
    let view = call.api.desk.conversation(call.scope(), &id).await?;
    let set = match to {
        Side::Buyer => &view.buyer,
        Side::Seller => &view.seller,
    };
    let code = set.address.as_deref().ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Reply { status: StatusCode::OK, body: zpl(&set.name, code).into_bytes(), media_type: "application/x-zpl" })
}

/// The label. `^CI28` is UTF-8; `^FH` lets what would be a command stand as a number.
fn zpl(name: &str, code: &str) -> String {
    let (name, code) = (plain(name), plain(code));
    format!(
        "^XA\n^CI28\n^PW812\n^LL1218\n\
         ^FO60,60^A0N,36,36^FDTO^FS\n\
         ^FO60,110^A0N,56,56^FB690,2,0,L^FH_^FD{name}^FS\n\
         ^FO60,280^A0N,120,110^FH_^FD{code}^FS\n\
         ^FO60,430^BQN,2,10^FH_^FDQA,{code}^FS\n\
         ^FO60,880^BY3^BCN,160,N,N,N^FH_^FD{code}^FS\n\
         ^FO60,1080^A0N,30,30^FDREDEEM THE CODE FOR THE ADDRESS^FS\n^XZ\n"
    )
}

/// A text that a printer takes for nothing but a text.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_control()) {
        match c {
            '^' | '~' | '_' | '\\' => out.push_str(&format!("_{:02X}", u32::from(c))),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_command_to_a_printer() {
        let label = zpl("Toko ^FS^XZ~JA_5E\n\\&", "ABCD-EFGH");
        assert!(label.contains("^FDToko _5EFS_5EXZ_7EJA_5F5E_5C&^FS"), "{label}");
        assert_eq!((label.matches("^XZ").count(), label.matches("ABCD-EFGH").count()), (1, 3));
    }
}
