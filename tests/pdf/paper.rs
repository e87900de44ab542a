//! PDF files made for the tests, with everything that a file may carry beside its pages.

use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};

/// A file that is being made.
pub(crate) struct Paper {
    pub(crate) doc: Document,
    pub(crate) pages: ObjectId,
    fonts: ObjectId,
    kids: Vec<Object>,
}

impl Paper {
    pub(crate) fn new() -> Self {
        let mut doc = Document::with_version("1.7");
        let pages = doc.new_object_id();
        let font = doc.add_object(dictionary! {
            "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding",
        });
        let fonts = doc.add_object(dictionary! { "F" => font });
        let root = doc.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
        doc.trailer.set("Root", root);
        Self { doc, pages, fonts, kids: Vec::new() }
    }

    /// One A4 page of lines, the first at the top.
    pub(crate) fn of(lines: &[&str]) -> Self {
        let mut paper = Self::new();
        paper.page(&lined(lines), Dictionary::new(), Dictionary::new());
        paper
    }

    /// Adds a page with this content, and these entries and resources beside the usual ones.
    pub(crate) fn page(&mut self, content: &str, more: Dictionary, resources: Dictionary) -> ObjectId {
        let content = self.doc.add_object(Stream::new(Dictionary::new(), content.as_bytes().to_vec()));
        let mut all = dictionary! { "Font" => self.fonts };
        resources.into_iter().for_each(|(key, value)| all.set(key, value));
        let mut page = dictionary! {
            "Type" => "Page", "Parent" => self.pages, "Contents" => content, "Resources" => all,
            "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
        };
        more.into_iter().for_each(|(key, value)| page.set(key, value));
        let page = self.doc.add_object(page);
        self.kids.push(page.into());
        page
    }

    pub(crate) fn root(&mut self) -> &mut Dictionary {
        self.doc.catalog_mut().unwrap()
    }

    pub(crate) fn document(mut self) -> Document {
        let count = i64::try_from(self.kids.len()).unwrap();
        let pages = dictionary! { "Type" => "Pages", "Kids" => self.kids, "Count" => count };
        self.doc.objects.insert(self.pages, pages.into());
        self.doc
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut out = Vec::new();
        self.document().save_to(&mut out).unwrap();
        out
    }
}

/// Content that shows lines from the top of an A4 page.
pub(crate) fn lined(lines: &[&str]) -> String {
    let shown = |line: &&str| format!("({}) Tj T* ", line.replace(['(', ')'], ""));
    format!("BT /F 12 Tf 18 TL 50 780 Td {} ET", lines.iter().map(shown).collect::<String>())
}

/// A picture as an object that pages may show.
pub(crate) fn picture(width: u32, height: u32, gray: Vec<u8>) -> Stream {
    let about = dictionary! {
        "Type" => "XObject", "Subtype" => "Image", "Width" => i64::from(width), "Height" => i64::from(height),
        "ColorSpace" => "DeviceGray", "BitsPerComponent" => 8,
    };
    Stream::new(about, gray)
}
