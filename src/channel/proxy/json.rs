//! JSON as it is judged: read strictly, kept in its order, and written anew, so that what the upstream reads is what was
//! judged. A name that comes twice in an object, in whatever case, is refused: two programs would read two things.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

/// A value (RFC 8259).
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a whole text.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Writes it, without spaces.
    pub(super) fn written(&self) -> Vec<u8> {
        // Texts and finite numbers always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Does `with` to every value at the places that a pointer means. What is missing or null has no such places.
    ///
    /// # Errors
    /// When something else stands above one: what is below it would be passed over.
    pub(super) fn each(&mut self, pointer: &[Step], with: &mut dyn FnMut(&mut Self)) -> Result<(), Odd> {
        let Some((step, rest)) = pointer.split_first() else {
            with(self);
            return Ok(());
        };
        match (step, self) {
            (_, Self::Null) => Ok(()),
            (Step::Every, Self::List(items)) => items.iter_mut().try_for_each(|item| item.each(rest, with)),
            (Step::Name(name), Self::Object(members)) => {
                let member = members.iter_mut().find(|(own, _)| same(own, name));
                member.map_or(Ok(()), |(_, value)| value.each(rest, with))
            }
            (Step::Name(name), Self::List(items)) => {
                let number: usize = name.parse().map_err(|_| Odd)?;
                items.get_mut(number).map_or(Ok(()), |item| item.each(rest, with))
            }
            _ => Err(Odd),
        }
    }

    /// Puts a text at a place, also where nothing stood: then as a member of what stands above.
    pub(super) fn put(&mut self, pointer: &[Step], text: Option<String>) {
        let Some((Step::Name(last), above)) = pointer.split_last() else { return };
        if self.at(pointer).is_none()
            && let Some(text) = text
        {
            // Where nothing can stand nothing is put: what was there was judged, and goes without it.
            let _ = self.each(above, &mut |parent| {
                if let Self::Object(members) = parent {
                    members.push((last.clone(), Self::Text(text.clone())));
                }
            });
        } else {
            let _ = self.each(pointer, &mut |value| {
                if matches!(value, Self::Text(_)) {
                    *value = Self::Text(text.clone().unwrap_or_default());
                }
            });
        }
    }

    /// The one value at a place.
    pub(super) fn at(&self, pointer: &[Step]) -> Option<&Self> {
        let Some((step, rest)) = pointer.split_first() else { return Some(self) };
        match (step, self) {
            (Step::Name(name), Self::Object(members)) => members.iter().find(|(own, _)| same(own, name))?.1.at(rest),
            (Step::Name(name), Self::List(items)) => items.get(name.parse::<usize>().ok()?)?.at(rest),
            _ => None,
        }
    }
}

/// Something else stands where a list or an object has to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Odd;

/// Whether two names are one to a program that does not care about case.
pub(super) fn same(a: &str, b: &str) -> bool {
    a == b || folded(a) == folded(b)
}

pub(super) fn folded(name: &str) -> String {
    // Letters that are capital in the same way are one: ſ and s, the Kelvin sign and k.
    name.to_uppercase().to_lowercase()
}

/// A step of a pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a member, or an item by its number.
    Name(String),
    /// Into every item of a list.
    Every,
}

/// Reads `/buyer/emails/*`.
pub(super) fn pointer(text: &str) -> Option<Vec<Step>> {
    let steps = text.strip_prefix('/')?.split('/');
    let step = |part: &str| match part {
        "*" => Step::Every,
        name => Step::Name(name.replace("~1", "/").replace("~0", "~")),
    };
    Some(steps.map(step).collect())
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Unsigned(value) => serializer.serialize_u64(*value),
            Self::Signed(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(members) => serializer.collect_map(members.iter().map(|(name, value)| (name, value))),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Signed(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        // A whole number that long would leave as another one.
        if value.abs() < EXACT {
            Ok(Json::Float(value))
        } else {
            Err(E::custom("a number that is too long to be kept"))
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json, A::Error> {
        let (mut members, mut names) = (Vec::new(), HashSet::new());
        while let Some((name, value)) = object.next_entry::<String, Json>()? {
            if !names.insert(folded(&name)) {
                return Err(A::Error::custom("a name that comes twice"));
            }
            members.push((name, value));
        }
        Ok(Json::Object(members))
    }
}

/// 2⁵³: up to here every whole number is itself as a 64-bit float.
const EXACT: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_as_it_was_in_its_order() {
        for text in [r#"{"z":1,"a":[true,null,-7,18446744073709551615,1.5,"\"\\\n😀"],"m":{"":{}}}"#, r#""lone""#, "[]"]
        {
            assert_eq!(String::from_utf8(Json::read(text.as_bytes()).unwrap().written()).unwrap(), text);
        }
    }

    #[test]
    fn what_two_programs_could_read_differently_is_refused() {
        let deep = "[".repeat(200);
        for text in [
            r#"{"body":"hello","body":"+62 812"}"#,
            r#"{"body":"hello","b\u006fdy":"+62 812"}"#,
            r#"{"body":"hello","Body":"+62 812"}"#,
            r#"{"messages":"hello","me\u017f\u017fages":"+62 812"}"#,
            r#"{"a":1}{"a":2}"#,
            r#"{"a":1,}"#,
            r#"{"a":NaN}"#,
            r#"{"a":"\ud83d"}"#,
            r#"{"a":12345678901234567890123}"#,
            "\u{feff}{}",
            "{'a':1}",
            "",
            &deep,
        ] {
            assert_eq!(Json::read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Json::read(b"{\"a\":\"\xff\"}"), None);
    }

    #[test]
    fn what_stands_in_the_way_of_a_pointer_is_told_and_case_is_nothing() {
        for (text, wanted) in [
            (r#"{"Notes":[{"TEXT":"a"}]}"#, Ok(1)),
            (r#"{"notes":null}"#, Ok(0)),
            ("{}", Ok(0)),
            (r#"[{"notes":[{"text":"a"}]}]"#, Err(Odd)),
            (r#"{"notes":{"0":{"text":"a"}}}"#, Err(Odd)),
            (r#"{"notes":[[{"text":"a"}]]}"#, Err(Odd)),
            (r#"{"notes":["a"]}"#, Err(Odd)),
        ] {
            let mut found = 0;
            let mut json = Json::read(text.as_bytes()).unwrap();
            let walked = json.each(&pointer("/notes/*/text").unwrap(), &mut |_| found += 1);
            assert_eq!(walked.map(|()| found), wanted, "{text}");
        }
    }

    #[test]
    fn a_pointer_means_every_item_where_it_says_so() {
        let mut json = Json::read(br#"{"items":[{"note":"a"},{"note":"b"},{}],"a/b":["x","y"]}"#).unwrap();
        let mut told = Vec::new();
        for text in ["/items/*/note", "/a~1b/1", "/items/9/note", "/nothing"] {
            json.each(&pointer(text).unwrap(), &mut |value| told.push(value.clone())).unwrap();
        }
        assert_eq!(told, ["a", "b", "y"].map(|text| Json::Text(text.to_owned())));
        assert_eq!(pointer("items"), None);
        assert_eq!(json.at(&pointer("/items/1/note").unwrap()), Some(&Json::Text("b".to_owned())));
    }
}
