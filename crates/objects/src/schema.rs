//! The shape of every built-in type: fields with their JSON name, type, protobuf number, default and
//! the way in which lists and maps are merged.
//!
//! Shapes are static data. A structure is a [`TypeRef`]; a field's [`Shape`] says what its value is.
//! Fields are those of the JSON form: Go's embedded structs are laid flat, and [`Struct::wire`] says
//! how the protobuf form nests them.

use std::fmt;

/// A structure type: a cheap, comparable reference to static data.
#[derive(Clone, Copy)]
pub struct TypeRef(pub(crate) &'static Struct);

/// A structure's description.
#[derive(Debug)]
pub struct Struct {
    /// OpenAPI model name, such as `io.k8s.api.core.v1.PodSpec`.
    pub name: &'static str,
    /// Fields of the JSON form in order of their JSON names.
    pub fields: &'static [Field],
    /// The protobuf form in order of field numbers.
    pub wire: &'static [Wire],
    /// Whether the structure merges as one value (`x-kubernetes-map-type: atomic`).
    pub atomic: bool,
}

/// One field of the JSON form.
#[derive(Debug)]
pub struct Field {
    /// Name in JSON.
    pub name: &'static str,
    /// What the value is.
    pub shape: Shape,
    /// Type in Go without pointer, such as `[]v1.Container`; error messages name it.
    pub go_type: &'static str,
    /// Whether OpenAPI declares the field as required.
    pub required: bool,
    /// Whether the field may be absent as distinct from its zero value (a pointer in Go).
    pub pointer: bool,
    /// Whether the zero value is left out of JSON (Go's `omitempty` and `omitzero`; structures by value are not left out).
    pub omit_empty: bool,
    /// Whether this field's structure merges as one value though its type does not.
    pub atomic: bool,
    /// Default that OpenAPI declares, as JSON text.
    pub default: Option<&'static str>,
    /// How a strategic merge patch treats the value.
    pub patch: PatchStrategy,
}

/// How a strategic merge patch treats a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatchStrategy {
    /// Lists merge element by element instead of being replaced.
    pub merge: bool,
    /// Only the keys in `$retainKeys` survive.
    pub retain_keys: bool,
    /// A map or structure that is replaced as a whole.
    pub replace: bool,
    /// Key that names an element of a merged list of structures; empty for lists of scalars.
    pub key: &'static str,
}

/// What a value is.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Text.
    String,
    /// `true` or `false`.
    Bool,
    /// 32-bit integer.
    Int32,
    /// 64-bit integer.
    Int64,
    /// Double-precision number.
    Double,
    /// Bytes; base64 in JSON.
    Bytes,
    /// `metav1.Time`: RFC 3339 in UTC with whole seconds.
    Time,
    /// `metav1.MicroTime`: RFC 3339 in UTC with six digits of fraction.
    MicroTime,
    /// `metav1.Duration`: text such as `1h0m0s`.
    Duration,
    /// A number or text, as in `targetPort`.
    IntOrString,
    /// `resource.Quantity`: text, a number is taken too.
    Quantity,
    /// An object of any kind (`runtime.RawExtension`).
    Raw,
    /// A set of field paths (`metav1.FieldsV1`).
    FieldsV1,
    /// Any JSON value (`apiextensions.JSON` and the like).
    Any,
    /// A structure, or a simpler value in its place.
    Choice(Choice, TypeRef),
    /// A structure.
    Struct(TypeRef),
    /// A list.
    List(&'static List),
    /// A map with text keys.
    Map(&'static Map),
}

/// What may stand in a structure's place (in schemas of custom resources).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// A structure or a Boolean.
    SchemaOrBool,
    /// A structure or a list of them.
    SchemaOrArray,
    /// A structure or a list of texts.
    SchemaOrStrings,
}

/// A list's elements and their identity.
#[derive(Debug)]
pub struct List {
    /// Shape of an element.
    pub item: Shape,
    /// What makes an element the same as another.
    pub kind: ListKind,
    /// Whether protobuf wraps the list in a message of its own (a named slice type in Go).
    pub message: bool,
}

/// What makes a list's element the same as another (`x-kubernetes-list-type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// The list is one value.
    Atomic,
    /// Elements are scalars and unique.
    Set,
    /// Elements are structures, unique by the values of these fields.
    Map(&'static [&'static str]),
}

/// A map's values.
#[derive(Debug)]
pub struct Map {
    /// Shape of a value.
    pub value: Shape,
    /// Whether the map merges as one value (`x-kubernetes-map-type: atomic`).
    pub atomic: bool,
}

/// One field of the protobuf form.
#[derive(Debug)]
pub struct Wire {
    /// Field number.
    pub number: u32,
    /// What stands there.
    pub content: Content,
}

/// What stands at a field number.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// `fields[index]`.
    Field(u16),
    /// An embedded structure whose fields are laid flat in JSON.
    Embedded {
        /// The embedded structure.
        of: TypeRef,
        /// Whether it may be absent.
        pointer: bool,
    },
}

impl TypeRef {
    /// The structure's description.
    pub fn get(self) -> &'static Struct {
        self.0
    }

    /// OpenAPI model name, such as `io.k8s.api.core.v1.PodSpec`.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Name of the type in Go without its package, such as `PodSpec`.
    pub fn short_name(self) -> &'static str {
        self.0.name.rsplit('.').next().unwrap_or_default()
    }

    /// The field with that JSON name.
    pub fn field(self, name: &str) -> Option<&'static Field> {
        let fields = self.0.fields;
        fields.binary_search_by(|field| field.name.cmp(name)).ok().map(|at| &fields[at])
    }

    /// The field at a path of JSON names; lists and maps on the way stand for their elements.
    pub fn descend(self, path: &[&str]) -> Option<&'static Field> {
        let (first, rest) = path.split_first()?;
        let field = self.field(first)?;
        if rest.is_empty() {
            return Some(field);
        }
        let mut shape = field.shape;
        loop {
            shape = match shape {
                Shape::Struct(of) => return of.descend(rest),
                Shape::List(list) => list.item,
                Shape::Map(map) => map.value,
                _ => return None,
            };
        }
    }
}

impl PartialEq for TypeRef {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for TypeRef {}

impl fmt::Debug for TypeRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.name)
    }
}
