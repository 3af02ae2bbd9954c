use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::mutants::{Genre, Mutant, Place, Span};

/// The function that says which mutant is on.
const SWITCH: &str = "crate::mutant_switch::on";

/// A source file with mutants behind switches.
#[derive(Debug, Clone, Default)]
pub struct Woven {
    /// The file.
    pub text: String,
    /// Where each mutant lies in it.
    places: Vec<Woof>,
}

#[derive(Debug, Clone)]
struct Woof {
    id: usize,
    /// The changed code.
    changed: Range<usize>,
    /// The changed code and what it stands for.
    all: Range<usize>,
}

impl Woven {
    /// The mutant that is to blame for a compiler error at this octet, if one is.
    #[must_use]
    pub fn culprit(&self, at: usize) -> Option<usize> {
        let changed = self.places.iter().find(|place| place.changed.contains(&at));
        let around = self.places.iter().filter(|place| place.all.contains(&at));
        changed.or_else(|| around.min_by_key(|place| place.all.len())).map(|place| place.id)
    }

    /// Whether this octet belongs to a mutant's own code.
    pub(crate) fn is_changed(&self, at: usize) -> bool {
        self.places.iter().any(|place| place.changed.contains(&at))
    }

    /// The mutants in it.
    pub fn ids(&self) -> impl Iterator<Item = usize> {
        self.places.iter().map(|place| place.id)
    }
}

/// Puts mutants, numbered, behind switches; those whose code is not found are left out.
#[must_use]
pub fn weave(source: &str, mutants: &[(usize, &Mutant)]) -> Woven {
    let Ok(syntax) = syn::parse_file(source) else { return Woven::default() };
    let mut nodes = Nodes::default();
    nodes.visit_file(&syntax);
    let lines = Lines::of(source);
    let mut edits: Vec<_> = mutants
        .iter()
        .filter_map(|(id, mutant)| edit(source, &lines, &nodes, *id, mutant))
        .collect();
    edits.extend(nodes.constants(&lines, &edits));
    edits.sort_by_key(|edit| (edit.range.start, usize::MAX - edit.range.end, edit.rank));
    let mut woven = Woven::default();
    render(source, &edits, 0..source.len(), &mut woven);
    woven
}

/// The file with one mutant and without switches, or `None` if it has no such place.
#[must_use]
pub fn apply(source: &str, mutant: &Mutant) -> Option<String> {
    let span = Lines::of(source).range(mutant.span)?;
    let (before, after) = (source.get(..span.start)?, source.get(span.end..)?);
    Some([before, &mutant.replacement, after].concat())
}

/// Text around a range; ranges nest.
#[derive(Debug)]
struct Edit {
    id: usize,
    range: Range<usize>,
    /// Of several around the same range, the lower is outside.
    rank: u8,
    before: String,
    after: &'static str,
}

fn edit(
    source: &str,
    lines: &Lines<'_>,
    nodes: &Nodes,
    id: usize,
    mutant: &Mutant,
) -> Option<Edit> {
    let span = lines.range(mutant.span)?;
    let replacement = &mutant.replacement;
    let within = |candidates: &[Span]| {
        let ranges = candidates.iter().filter_map(|node| lines.range(*node));
        ranges
            .filter(|node| node.start <= span.start && span.end <= node.end)
            .min_by_key(ExactSizeIterator::len)
    };
    let (range, rank, before, after) = match mutant.genre {
        Genre::FnValue => (span, 0, format!("if {SWITCH}({id}) {{ return {replacement}; }} "), ""),
        Genre::MatchArmGuard => {
            (span, 1, format!("(if {SWITCH}({id}) {{ {replacement} }} else {{ "), " })")
        }
        Genre::MatchArm => {
            let arm = nodes.arms.iter().find(|arm| lines.range(arm.all) == Some(span.clone()))?;
            match arm.guard {
                Some(guard) => (lines.range(guard)?, 1, format!("(!{SWITCH}({id}) && ("), "))"),
                None => {
                    let end = lines.range(arm.pattern)?.end;
                    (end..end, 1, format!(" if !{SWITCH}({id})"), "")
                }
            }
        }
        Genre::BinaryOperator | Genre::UnaryOperator | Genre::StructField => {
            let node = within(nodes.of(mutant.genre))?;
            let changed =
                [source.get(node.start..span.start)?, replacement, source.get(span.end..node.end)?];
            let before = format!("(if {SWITCH}({id}) {{ {} }} else {{ ", changed.concat());
            (node, 2, before, " })")
        }
    };
    Some(Edit { id, range, rank, before, after })
}

fn render(source: &str, edits: &[Edit], range: Range<usize>, woven: &mut Woven) {
    let mut at = range.start;
    let mut rest = edits;
    while let [edit, others @ ..] = rest {
        let inside = others.iter().take_while(|other| other.range.start < edit.range.end).count();
        let (inner, after) = others.split_at(inside);
        woven.text.push_str(source.get(at..edit.range.start).unwrap_or_default());
        let start = woven.text.len();
        woven.text.push_str(&edit.before);
        let changed = start..woven.text.len();
        render(source, inner, edit.range.clone(), woven);
        woven.text.push_str(edit.after);
        woven.places.push(Woof { id: edit.id, changed, all: start..woven.text.len() });
        at = edit.range.end;
        rest = after;
    }
    woven.text.push_str(source.get(at..range.end).unwrap_or_default());
}

/// Where lines start.
struct Lines<'a> {
    source: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(source: &'a str) -> Self {
        let newlines = source.match_indices('\n').map(|(at, _)| at + 1);
        Self { source, starts: std::iter::once(0).chain(newlines).collect() }
    }

    fn range(&self, span: Span) -> Option<Range<usize>> {
        Some(self.offset(span.start)?..self.offset(span.end)?)
    }

    fn offset(&self, place: Place) -> Option<usize> {
        let start = *self.starts.get(place.line.checked_sub(1)?)?;
        let line = self.source.get(start..)?;
        let columns = line.char_indices().map(|(at, _)| at).chain([line.len()]);
        columns.take(place.column).last().map(|at| start + at)
    }
}

/// The nodes that mutants change.
#[derive(Default)]
struct Nodes {
    binary: Vec<Span>,
    unary: Vec<Span>,
    structs: Vec<Span>,
    arms: Vec<Arm>,
    /// Functions that are `const`: the word, and all of the function.
    constants: Vec<(Span, Span)>,
}

struct Arm {
    all: Span,
    pattern: Span,
    guard: Option<Span>,
}

impl Nodes {
    /// No switch works in a `const fn`; most of them need not be one.
    fn constants(&self, lines: &Lines<'_>, edits: &[Edit]) -> Vec<Edit> {
        let functions = self.constants.iter();
        functions
            .filter_map(|(word, all)| {
                let (range, all) = (lines.range(*word)?, lines.range(*all)?);
                let inside = edits.iter().find(|edit| all.contains(&edit.range.start))?;
                Some(Edit { id: inside.id, range, rank: 0, before: "/* ".to_owned(), after: " */" })
            })
            .collect()
    }

    fn function(&mut self, signature: &syn::Signature, all: &impl Spanned) {
        if let Some(word) = &signature.constness {
            self.constants.push((span(word), span(all)));
        }
    }

    fn of(&self, genre: Genre) -> &[Span] {
        match genre {
            Genre::BinaryOperator => &self.binary,
            Genre::UnaryOperator => &self.unary,
            _ => &self.structs,
        }
    }
}

impl Visit<'_> for Nodes {
    fn visit_item_fn(&mut self, node: &syn::ItemFn) {
        self.function(&node.sig, node);
        visit::visit_item_fn(self, node);
    }

    fn visit_impl_item_fn(&mut self, node: &syn::ImplItemFn) {
        self.function(&node.sig, node);
        visit::visit_impl_item_fn(self, node);
    }

    fn visit_expr_binary(&mut self, node: &syn::ExprBinary) {
        self.binary.push(span(node));
        visit::visit_expr_binary(self, node);
    }

    fn visit_expr_unary(&mut self, node: &syn::ExprUnary) {
        self.unary.push(span(node));
        visit::visit_expr_unary(self, node);
    }

    fn visit_expr_struct(&mut self, node: &syn::ExprStruct) {
        self.structs.push(span(node));
        visit::visit_expr_struct(self, node);
    }

    fn visit_arm(&mut self, node: &syn::Arm) {
        let guard = node.guard.as_ref().map(|(_, guard)| span(&**guard));
        self.arms.push(Arm { all: span(node), pattern: span(&node.pat), guard });
        visit::visit_arm(self, node);
    }
}

fn span(node: &impl Spanned) -> Span {
    let place =
        |at: proc_macro2::LineColumn| Place { line: at.line, column: at.column.saturating_add(1) };
    let span = node.span();
    Span { start: place(span.start()), end: place(span.end()) }
}
