//! Reads a source file: what it reaches for, how long its functions are, what its things are
//! called.

use std::collections::BTreeSet;

use proc_macro2::{LineColumn, Spacing, TokenStream, TokenTree};
use syn::{Attribute, Meta, UseTree, spanned::Spanned, visit::Visit};

/// What a file reaches for and how it is built.
pub(crate) struct Read {
    /// Under `src/`.
    pub(crate) path: String,
    /// Lines before its tests.
    pub(crate) lines: usize,
    /// By line.
    pub(crate) reached: Vec<(usize, Reached)>,
    /// Calls that end the program where a caller could have been told, by line.
    pub(crate) loud: Vec<(usize, &'static str)>,
    /// Its functions outside tests.
    pub(crate) functions: Vec<Function>,
    /// Names of its items.
    pub(crate) names: Vec<String>,
}

/// A path, resolved.
pub(crate) enum Reached {
    /// From the root of the crate.
    House(Vec<String>),
    /// The crate's name first.
    Outside(Vec<String>),
    /// Without `std`, `core` or `alloc`.
    Std(Vec<String>),
}

/// A function's length.
pub(crate) struct Function {
    pub(crate) lines: usize,
    pub(crate) at: String,
}

/// Reads `code`, the file at `path` under `src/`.
pub(crate) fn read(path: &str, code: &str) -> Read {
    let file = syn::parse_file(code).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut eye = Eye { module: module_of(path), outside: outside_crates(), path, ..Eye::default() };
    eye.visit_file(&file);
    let first_test = file.items.iter().find(|item| is_test(attributes(item))).map(|item| start(item).line - 1);
    Read {
        path: path.to_owned(),
        lines: first_test.unwrap_or(code.lines().count()),
        reached: eye.reached,
        loud: eye.loud,
        functions: eye.functions,
        names: eye.names,
    }
}

/// The words of a name in either case: `DataKey` and `data_key` are `data`, `key`.
pub(crate) fn words(name: &str) -> impl Iterator<Item = String> {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake.split('_').map(str::to_owned).collect::<Vec<_>>().into_iter()
}

#[derive(Default)]
struct Eye<'a> {
    path: &'a str,
    module: Vec<String>,
    outside: BTreeSet<String>,
    reached: Vec<(usize, Reached)>,
    loud: Vec<(usize, &'static str)>,
    functions: Vec<Function>,
    names: Vec<String>,
}

impl Eye<'_> {
    /// Notes a path; `absolute` when it began with `::`.
    fn reach(&mut self, line: usize, segments: &[String], absolute: bool) {
        let Some(first) = segments.first() else { return };
        let reached = match first.as_str() {
            "crate" => Reached::House(segments[1..].to_vec()),
            "self" | "super" => Reached::House(self.seen_from_here(segments)),
            "std" | "core" | "alloc" => Reached::Std(segments[1..].to_vec()),
            other if absolute || self.outside.contains(other) => Reached::Outside(segments.to_vec()),
            _ => return,
        };
        self.reached.push((line, reached));
    }

    fn seen_from_here(&self, segments: &[String]) -> Vec<String> {
        let mut path = self.module.clone();
        let mut rest = segments;
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "self" => {}
                "super" => drop(path.pop()),
                _ => break,
            }
            rest = after;
        }
        path.extend_from_slice(rest);
        path
    }

    fn tree(&mut self, tree: &UseTree, before: &[String], absolute: bool) {
        let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&path.tree, &with(&path.ident), absolute),
            UseTree::Name(name) => self.reach(start(name).line, &with(&name.ident), absolute),
            UseTree::Rename(rename) => self.reach(start(rename).line, &with(&rename.ident), absolute),
            UseTree::Glob(glob) => self.reach(start(glob).line, before, absolute),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree, before, absolute)),
        }
    }

    /// Inside a macro all we know is tokens: every `a::b` there is a path.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut line, mut colons, mut absolute) = (0, 0, false);
        for token in tokens {
            match &token {
                TokenTree::Ident(ident) if colons == 2 => {
                    absolute |= path.is_empty();
                    path.push(ident.to_string());
                }
                TokenTree::Punct(p) if p.as_char() == ':' && (p.spacing() == Spacing::Joint || colons == 1) => {
                    colons += 1;
                    continue;
                }
                other => {
                    self.reach_many(line, &path, absolute);
                    path = match other {
                        TokenTree::Ident(ident) => vec![ident.to_string()],
                        _ => Vec::new(),
                    };
                    (line, absolute) = (other.span().start().line, false);
                }
            }
            if let TokenTree::Group(group) = &token {
                self.tokens(group.stream());
            }
            colons = 0;
        }
        self.reach_many(line, &path, absolute);
    }

    fn reach_many(&mut self, line: usize, path: &[String], absolute: bool) {
        if path.len() > 1 {
            self.reach(line, path, absolute);
        }
    }

    fn function(&mut self, name: &syn::Ident, whole: &impl Spanned) {
        let (from, to) = (whole.span().start().line, whole.span().end().line);
        self.functions.push(Function { lines: to - from + 1, at: format!("{}:{from} {name}", self.path) });
    }

    fn name(&mut self, name: &syn::Ident) {
        self.names.push(name.to_string());
    }
}

impl<'ast> Visit<'ast> for Eye<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test(attributes(item)) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, f: &'ast syn::ImplItemFn) {
        if !is_test(&f.attrs) {
            self.name(&f.sig.ident);
            self.function(&f.sig.ident, &f.block);
            syn::visit::visit_impl_item_fn(self, f);
        }
    }

    fn visit_item_fn(&mut self, f: &'ast syn::ItemFn) {
        self.name(&f.sig.ident);
        self.function(&f.sig.ident, &*f.block);
        syn::visit::visit_item_fn(self, f);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.name(&module.ident);
        self.module.push(module.ident.to_string());
        syn::visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.name(&item.ident);
        syn::visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.name(&item.ident);
        syn::visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.name(&item.ident);
        syn::visit::visit_item_trait(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &[], item.leading_colon.is_some());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.reach_many(start(path).line, &segments, path.leading_colon.is_some());
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        syn::visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
        syn::visit::visit_attribute(self, attribute);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        match call.method.to_string().as_str() {
            // Only as Option and Result have them: `vault.unwrap(…)` opens a wrapped key.
            "unwrap" if call.args.is_empty() => self.loud.push((start(&call.method).line, ".unwrap()")),
            "expect" if matches!(call.args.first(), Some(syn::Expr::Lit(_))) => {
                self.loud.push((start(&call.method).line, ".expect()"))
            }
            _ => {}
        }
        syn::visit::visit_expr_method_call(self, call);
    }
}

fn module_of(path: &str) -> Vec<String> {
    let mut module: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// As the code spells the dependencies of Cargo.toml.
fn outside_crates() -> BTreeSet<String> {
    let manifest = include_str!("../../Cargo.toml");
    let dependencies = manifest.split("[dependencies]").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap();
    dependencies.lines().filter_map(|line| Some(line.split_once(" =")?.0.replace('-', "_"))).collect()
}

/// `#[test]`, or `#[cfg(…)]` with `test` in it and no `not`.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let condition = list.tokens.to_string();
            words_of(&condition).any(|word| word == "test") && !condition.contains("not")
        }
        Meta::Path(path) => path.segments.last().is_some_and(|segment| segment.ident == "test"),
        _ => false,
    })
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

fn attributes(item: &syn::Item) -> &[Attribute] {
    use syn::Item::{Const, Enum, Fn, Impl, Macro, Mod, Static, Struct, Trait, Type, Use};
    match item {
        Const(i) => &i.attrs,
        Enum(i) => &i.attrs,
        Fn(i) => &i.attrs,
        Impl(i) => &i.attrs,
        Macro(i) => &i.attrs,
        Mod(i) => &i.attrs,
        Static(i) => &i.attrs,
        Struct(i) => &i.attrs,
        Trait(i) => &i.attrs,
        Type(i) => &i.attrs,
        Use(i) => &i.attrs,
        _ => &[],
    }
}

fn start(thing: &impl Spanned) -> LineColumn {
    thing.span().start()
}
