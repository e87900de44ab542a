//! HTML bodies: gate, allow-list, text runs of each block, rewritten in place.
//!
//! What comes out of [`Document::parse`] has no style, script, form, remote picture or comment
//! left, and no attribute but those of [`gate`]'s short list: so what a detector reads in
//! [`Document::blocks`] is what the reader will see.

mod clean;
mod gate;
mod token;

use std::ops::Range;

use super::Unreadable;
use token::{Name, Token};

/// An HTML body, sanitised, as runs of text between a few harmless tags.
#[derive(Clone)]
pub struct Document {
    tokens: Vec<Token>,
    /// The tokens (texts and line breaks) of each block that has text, in reading order.
    blocks: Vec<Range<usize>>,
}

/// What to put in place of a range of a block's scalar values.
pub type Cut = (Range<usize>, String);

impl Document {
    /// Opens an HTML body.
    ///
    /// # Errors
    /// When it is larger or nested deeper than any mail, so that parsing it would cost too much.
    pub fn parse(html: &str) -> Result<Self, Unreadable> {
        gate::check(html)?;
        let mut tokens = token::read(&clean::clean(html))?;
        let blocks = join_blocks(&mut tokens);
        Ok(Self { tokens, blocks })
    }

    /// The visible text of each block in reading order: inline tags joined, entities decoded,
    /// white space folded as a reader sees it, a line break as `\n`.
    pub fn blocks(&self) -> Vec<String> {
        self.blocks.iter().map(|block| self.tokens[block.clone()].iter().filter_map(Token::visible).collect()).collect()
    }

    /// The link targets that are still there, for judging.
    pub fn links(&self) -> Vec<String> {
        self.tokens.iter().filter_map(Token::href).map(str::to_owned).collect()
    }

    /// Cuts ranges out of the blocks of [`Document::blocks`] and puts the replacements in their
    /// place. A block beyond the list, or `None`, stays as it is.
    pub fn rewrite(&mut self, blocks: &[Option<Vec<Cut>>]) {
        for (block, cuts) in self.blocks.iter().zip(blocks) {
            if let Some(cuts) = cuts {
                rewrite_block(&mut self.tokens[block.clone()], cuts);
            }
        }
    }

    /// Keeps the anchors whose target is allowed; any other becomes its text.
    pub fn keep_links(&mut self, allowed: &dyn Fn(&str) -> bool) {
        let mut open = Vec::new();
        for token in &mut self.tokens {
            match token {
                Token::Open(tag) if tag.name == Name::Anchor => {
                    let keep = tag.target.as_deref().is_some_and(allowed);
                    open.push(keep);
                    if !keep {
                        *token = Token::Gone;
                    }
                }
                Token::Close(Name::Anchor) if open.pop() == Some(false) => *token = Token::Gone,
                _ => {}
            }
        }
    }

    /// Gives each picture the content id that `rename` has for the one it was shown by; a
    /// picture without one goes.
    pub fn keep_images(&mut self, rename: &mut dyn FnMut(&str) -> Option<String>) {
        for token in &mut self.tokens {
            if let Token::Open(tag) = token
                && tag.name == Name::Image
            {
                match tag.target.as_deref().and_then(&mut *rename) {
                    Some(id) => tag.target = Some(id),
                    None => *token = Token::Gone,
                }
            }
        }
    }

    /// The HTML again, written afresh.
    pub fn to_html(&self) -> String {
        token::write_html(&self.tokens)
    }

    /// The same as plain text, for a mail that has only HTML.
    pub fn to_text(&self) -> String {
        token::write_text(&self.tokens)
    }
}

/// Finds the blocks and folds their white space, so that offsets into a block's text are
/// offsets into its tokens.
fn join_blocks(tokens: &mut [Token]) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let mut preformatted = 0_usize;
    let mut start = 0;
    for n in 0..=tokens.len() {
        let ends = tokens.get(n).is_none_or(Token::ends_block);
        if ends {
            close_block(tokens, start..n, preformatted > 0, &mut blocks);
            start = n + 1;
        }
        match tokens.get(n) {
            Some(Token::Open(tag)) if tag.name == Name::Preformatted => preformatted += 1,
            Some(Token::Close(Name::Preformatted)) => preformatted = preformatted.saturating_sub(1),
            _ => {}
        }
    }
    blocks
}

fn close_block(tokens: &mut [Token], range: Range<usize>, preformatted: bool, blocks: &mut Vec<Range<usize>>) {
    let Some(block) = tokens.get_mut(range.clone()) else { return };
    if !preformatted {
        fold_white_space(block);
    }
    if block.iter().any(|t| matches!(t, Token::Text(text) if !text.is_empty())) {
        blocks.push(range);
    }
}

fn fold_white_space(block: &mut [Token]) {
    let mut at_space = true;
    for token in block {
        match token {
            Token::Text(text) => {
                let mut folded = String::with_capacity(text.len());
                for c in text.chars() {
                    let space = matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}');
                    if !(space && at_space) {
                        folded.push(if space { ' ' } else { c });
                    }
                    at_space = space;
                }
                *text = folded;
            }
            Token::Break => at_space = true,
            _ => {}
        }
    }
}

fn rewrite_block(block: &mut [Token], cuts: &[Cut]) {
    let mut cuts: Vec<&Cut> = cuts.iter().filter(|(range, _)| !range.is_empty()).collect();
    cuts.sort_by_key(|(range, _)| range.start);
    let mut cuts = cuts.into_iter().peekable();
    let mut placed = false;
    let mut at = 0;
    for token in block {
        match token {
            Token::Text(text) => {
                let mut kept = String::with_capacity(text.len());
                for c in text.chars() {
                    while cuts.next_if(|(range, _)| range.end <= at).is_some() {
                        placed = false;
                    }
                    match cuts.peek() {
                        Some((range, put)) if range.start <= at => {
                            if !placed {
                                kept.push_str(put);
                                placed = true;
                            }
                        }
                        _ => kept.push(c),
                    }
                    at += 1;
                }
                *text = kept;
            }
            Token::Break => at += 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
