//! The modules of a crate as its source text has them, and which file uses what of which other.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::mem::take;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// Source text by path below `src/`, as `graph/op.rs`.
pub type Sources = BTreeMap<String, String>;

/// Uses of one file by another: names as the source has them.
pub type Uses = BTreeMap<(String, String), BTreeSet<String>>;

/// The crate that `main.rs` names is the library.
const LIBRARY: &str = "papilla";

/// What a path can stand for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Meaning {
    Module(usize),
    /// a type, function, constant … of a file
    Item(String, String),
}

/// A `use`, one name of it; `name` is `None` for `*`.
struct Import {
    path: Vec<String>,
    name: Option<String>,
}

#[derive(Default)]
struct Module {
    file: String,
    root: usize,
    parent: Option<usize>,
    children: HashMap<String, usize>,
    items: HashSet<String>,
    imports: Vec<Import>,
    /// what the code names, without re-exports, which hand on and use nothing
    paths: BTreeSet<Vec<String>>,
    /// methods that it calls, as far as the type is written there, after it
    calls: BTreeSet<(Vec<String>, String)>,
    /// types, and the methods for others that it gives them
    methods: Vec<(Vec<String>, String)>,
}

/// A crate without what is compiled for its tests alone.
pub struct Crate {
    modules: Vec<Module>,
}

impl Crate {
    /// Reads `lib.rs`, `main.rs` and all that they declare.
    pub fn read(sources: &Sources) -> Crate {
        let mut this = Crate { modules: Vec::new() };
        for root in ["lib.rs", "main.rs"].into_iter().filter(|root| sources.contains_key(*root)) {
            let id = this.modules.len();
            this.add_file(sources, root, "", (id, None));
        }
        let read: HashSet<&str> = this.modules.iter().map(|module| module.file.as_str()).collect();
        let of_tests = |file: &&String| !file.contains("/tests/") && !file.ends_with("/tests.rs");
        let unread: Vec<_> = sources.keys().filter(|file| !read.contains(file.as_str())).filter(of_tests).collect();
        assert!(unread.is_empty(), "no module declares {unread:?}");
        this
    }

    fn add_file(&mut self, sources: &Sources, file: &str, folder: &str, place: (usize, Option<usize>)) -> usize {
        let parsed = syn::parse_file(&sources[file]).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.add(sources, &parsed.items, file, folder, place)
    }

    /// A module of these items; the files of its children lie in `folder`, which ends with a slash.
    fn add(
        &mut self,
        sources: &Sources,
        items: &[syn::Item],
        file: &str,
        folder: &str,
        (root, parent): (usize, Option<usize>),
    ) -> usize {
        let id = self.modules.len();
        let mut reader = Reader::default();
        items.iter().for_each(|item| reader.visit_item(item));
        self.modules.push(Module { file: file.to_owned(), root, parent, ..reader.module });
        for child in reader.children {
            let name = child.ident.to_string();
            let below = format!("{folder}{name}/");
            let place = (root, Some(id));
            let added = match &child.content {
                Some((_, items)) => self.add(sources, items, file, &below, place),
                None => {
                    let candidates = [format!("{folder}{name}.rs"), format!("{below}mod.rs")];
                    let found = candidates.iter().find(|path| sources.contains_key(*path));
                    let found = found.unwrap_or_else(|| panic!("{file} declares `{name}`, and no file has it"));
                    self.add_file(sources, found, &below, place)
                }
            };
            self.modules[id].children.insert(name, added);
        }
        id
    }

    /// What a name means in a module: re-exports are followed to where it is defined.
    fn lookup(&self, module: usize, name: &str, seen: &mut HashSet<(usize, String)>) -> HashSet<Meaning> {
        let mut found = HashSet::new();
        if !seen.insert((module, name.to_owned())) {
            return found;
        }
        let this = &self.modules[module];
        found.extend(this.children.get(name).map(|&child| Meaning::Module(child)));
        if this.items.contains(name) {
            found.insert(Meaning::Item(this.file.clone(), name.to_owned()));
        }
        for import in this.imports.iter().filter(|import| import.name.as_deref() == Some(name)) {
            found.extend(self.resolve(module, &import.path, seen).0);
        }
        if found.is_empty() {
            for import in this.imports.iter().filter(|import| import.name.is_none()) {
                for meaning in self.resolve(module, &import.path, seen).0 {
                    if let Meaning::Module(other) = meaning {
                        found.extend(self.lookup(other, name, seen));
                    }
                }
            }
        }
        found
    }

    /// What a path means in a module, and what it names of a type, if it does.
    fn resolve(
        &self,
        module: usize,
        path: &[String],
        seen: &mut HashSet<(usize, String)>,
    ) -> (HashSet<Meaning>, Option<String>) {
        let (mut of_type, mut at) = (None, module);
        let mut found: HashSet<Meaning> = HashSet::new();
        for (index, name) in path.iter().enumerate() {
            let this = &self.modules[at];
            let known = match (name.as_str(), this.parent) {
                ("crate", _) => Some(this.root),
                ("self", _) => Some(at),
                ("super", Some(parent)) => Some(parent),
                (LIBRARY, _) if index == 0 && this.root != 0 => Some(0),
                _ => None,
            };
            if let Some(known) = known {
                at = known;
                found = HashSet::from([Meaning::Module(at)]);
                continue;
            }
            let before = match index {
                0 => HashSet::from([Meaning::Module(at)]),
                _ => take(&mut found),
            };
            for meaning in before {
                match meaning {
                    Meaning::Module(module) => found.extend(self.lookup(module, name, seen)),
                    item => {
                        of_type.get_or_insert_with(|| name.clone());
                        found.insert(item);
                    }
                }
            }
        }
        (found, of_type)
    }

    /// Which file uses what of which other.
    pub fn uses(&self) -> Uses {
        // Methods may stand in another file than their type.
        let mut methods: HashMap<(Meaning, &str), &str> = HashMap::new();
        for (id, module) in self.modules.iter().enumerate() {
            for (of, method) in &module.methods {
                let types = self.resolve(id, of, &mut HashSet::new()).0;
                methods.extend(types.into_iter().map(|of| ((of, method.as_str()), module.file.as_str())));
            }
        }
        let mut uses = Uses::new();
        for (id, module) in self.modules.iter().enumerate() {
            let mut by_this = |file: &str, what: String| {
                if file != module.file {
                    uses.entry((module.file.clone(), file.to_owned())).or_default().insert(what);
                }
            };
            let mut call = |of: &Meaning, method: &str| {
                if let (Meaning::Item(_, of_type), Some(file)) = (of, methods.get(&(of.clone(), method))) {
                    by_this(file, format!("{of_type}::{method}"));
                }
            };
            for (of, method) in &module.calls {
                self.resolve(id, of, &mut HashSet::new()).0.iter().for_each(|of| call(of, method));
            }
            let found: Vec<_> = module.paths.iter().map(|path| self.resolve(id, path, &mut HashSet::new())).collect();
            for (meanings, method) in &found {
                method.iter().for_each(|method| meanings.iter().for_each(|of| call(of, method)));
            }
            for meaning in found.into_iter().flat_map(|(meanings, _)| meanings) {
                if let Meaning::Item(file, item) = meaning {
                    by_this(&file, item);
                }
            }
        }
        uses
    }
}

/// Gathers what stands in a module; its children are kept for later.
#[derive(Default)]
struct Reader {
    module: Module,
    children: Vec<syn::ItemMod>,
    /// types of `self` and of parameters, where the code under way knows them
    types: HashMap<String, Vec<String>>,
}

/// Whether something is compiled for tests alone.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let cfg =
            attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|p| p.is_ident("test"));
        cfg || attribute.path().is_ident("test")
    })
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    use syn::Item::*;
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
        Union(i) => &i.attrs,
        Use(i) => &i.attrs,
        _ => &[],
    }
}

/// The name that an item gives its module.
fn name(item: &syn::Item) -> Option<String> {
    use syn::Item::*;
    let name = match item {
        Const(i) => &i.ident,
        Enum(i) => &i.ident,
        Fn(i) => &i.sig.ident,
        Macro(i) => i.ident.as_ref()?,
        Static(i) => &i.ident,
        Struct(i) => &i.ident,
        Trait(i) => &i.ident,
        Type(i) => &i.ident,
        Union(i) => &i.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// The types that the arguments of a macro define.
fn defined(tokens: &TokenStream) -> Vec<String> {
    let words: Vec<String> = tokens.clone().into_iter().map(|token| token.to_string()).collect();
    let types = words.windows(2).filter(|pair| ["enum", "struct"].contains(&pair[0].as_str()));
    types.map(|pair| pair[1].clone()).collect()
}

fn names(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

impl Reader {
    /// The names of a `use`.
    fn imports(tree: &syn::UseTree, before: &[String], out: &mut Vec<Import>) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => Self::imports(&path.tree, &with(&path.ident), out),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| Self::imports(tree, before, out)),
            syn::UseTree::Glob(_) => out.push(Import { path: before.to_vec(), name: None }),
            syn::UseTree::Name(name) if name.ident == "self" => {
                out.push(Import { path: before.to_vec(), name: before.last().cloned() });
            }
            syn::UseTree::Name(name) => {
                out.push(Import { path: with(&name.ident), name: Some(name.ident.to_string()) })
            }
            syn::UseTree::Rename(name) => {
                out.push(Import { path: with(&name.ident), name: Some(name.rename.to_string()) });
            }
        }
    }

    /// Paths and calls in the arguments of a macro or an attribute, whose grammar is its own.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut receiver, mut colons) = (None, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if receiver.is_some() => {
                    self.call(receiver.take().expect("there is one"), ident.to_string());
                }
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.mention(take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Punct(punct) => {
                    let alone = path.len() == 1 && punct.as_char() == '.';
                    receiver = path.first().filter(|_| alone).cloned();
                    self.mention(take(&mut path));
                    colons = 0;
                }
                TokenTree::Group(group) => {
                    self.mention(take(&mut path));
                    self.tokens(group.stream());
                    colons = 0;
                }
                TokenTree::Literal(_) => {}
            }
        }
        self.mention(path);
    }

    fn call(&mut self, receiver: String, method: String) {
        if let Some(of) = self.types.get(&receiver) {
            self.module.calls.insert((of.clone(), method));
        }
    }

    /// A name of this type, or of a reference to it.
    fn typed(&mut self, name: &str, of: &syn::Type) {
        match of {
            syn::Type::Reference(reference) => self.typed(name, &reference.elem),
            syn::Type::Path(of) => _ = self.types.insert(name.to_owned(), names(&of.path)),
            _ => _ = self.types.remove(name),
        }
    }

    fn mention(&mut self, path: Vec<String>) {
        if !path.is_empty() {
            self.module.paths.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if is_test(attributes(item)) {
            return;
        }
        self.module.items.extend(name(item));
        if let syn::Item::Macro(defining) = item {
            self.module.items.extend(defined(&defining.mac.tokens));
        }
        match item {
            syn::Item::Mod(module) => self.children.push(module.clone()),
            syn::Item::Use(item) if item.leading_colon.is_some() => {}
            syn::Item::Use(item) => {
                let mut imports = Vec::new();
                Self::imports(&item.tree, &[], &mut imports);
                if matches!(item.vis, syn::Visibility::Inherited) {
                    imports.iter().for_each(|import| self.mention(import.path.clone()));
                }
                self.module.imports.extend(imports);
            }
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let (None, syn::Type::Path(of)) = (&item.trait_, &*item.self_ty) {
            let functions = item.items.iter().filter_map(|item| match item {
                // A private one is its own module's.
                syn::ImplItem::Fn(f) if is_test(&f.attrs) || matches!(f.vis, syn::Visibility::Inherited) => None,
                syn::ImplItem::Fn(f) => Some(f.sig.ident.to_string()),
                _ => None,
            });
            self.module.methods.extend(functions.map(|function| (names(&of.path), function)));
        }
        self.typed("self", &item.self_ty);
        visit::visit_item_impl(self, item);
        self.types.clear();
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.mention(names(path));
        }
        visit::visit_path(self, path);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        for input in &signature.inputs {
            if let syn::FnArg::Typed(input) = input
                && let syn::Pat::Ident(pattern) = &*input.pat
            {
                self.typed(&pattern.ident.to_string(), &input.ty);
            }
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if let syn::Expr::Path(receiver) = &*call.receiver
            && let Some(receiver) = receiver.path.get_ident()
        {
            self.call(receiver.to_string(), call.method.to_string());
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.mention(names(&item.path));
        self.tokens(item.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        match &attribute.meta {
            syn::Meta::List(list) if !attribute.path().is_ident("cfg") => self.tokens(list.tokens.clone()),
            _ => {}
        }
    }
}
