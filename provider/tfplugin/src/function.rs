//! Functions: pure, offline, called on an unconfigured provider.
//!
//! Terraform hashes results into the plan: the same arguments must give the same result for ever.

use crate::path::Path;
use crate::schema::{Field, Kind, Nesting, Validator};
use crate::value::{DecodeError, Dynamic, Type, convert};

/// A function that configurations can call.
pub trait Function: Send + Sync + 'static {
    /// Its arguments: a struct with `#[derive(Arguments)]`.
    type Arguments: Arguments;
    /// Its result.
    type Output: Field;
    /// Its name, without provider prefix.
    const NAME: &'static str;
    /// One line for the documentation.
    const SUMMARY: &'static str;
    /// Markdown for the documentation.
    const DESCRIPTION: &'static str;
    /// When deprecated: what to use instead.
    const DEPRECATED: Option<&'static str> = None;

    /// Computes the result.
    fn call(&self, arguments: Self::Arguments) -> Result<Self::Output, FunctionError>;
}

/// Why a function call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    pub(crate) text: String,
    pub(crate) argument: Option<i64>,
}

impl FunctionError {
    /// An error about the call as a whole.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: None }
    }

    /// The error is about the argument at that position, from zero.
    pub fn argument(mut self, position: usize) -> Self {
        self.argument = i64::try_from(position).ok();
        self
    }

    /// What is wrong.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Display for FunctionError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.text)
    }
}

impl std::error::Error for FunctionError {}

impl From<FunctionError> for crate::Diagnostics {
    fn from(error: FunctionError) -> Self {
        crate::Diagnostic::error(error.text).into()
    }
}

/// The arguments of a function. Write it with `#[derive(Arguments)]`.
pub trait Arguments: Sized + Send {
    /// The parameters, in order; only the last can be variadic.
    fn parameters() -> Vec<Parameter>;

    /// Takes the values, in the same order.
    fn decode(values: &mut ArgumentValues) -> Result<Self, FunctionError>;
}

/// One parameter.
pub struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// What Terraform is told.
    pub(crate) declared: Type,
    /// What values are converted to, when Terraform is told `dynamic`.
    pub(crate) wanted: Type,
    pub(crate) nullable: bool,
    pub(crate) unknowable: bool,
    pub(crate) variadic: bool,
    pub(crate) validators: Vec<Validator>,
}

impl Parameter {
    /// A parameter of a field's type.
    ///
    /// An object parameter with attributes that may be left out is declared `dynamic`: the function types of Terraform
    /// know no optional attributes. The framework converts and checks what comes.
    pub fn of<T: Field>(name: &'static str, description: &'static str) -> Self {
        let kind = T::kind();
        let lenient = may_lack_attributes(&kind);
        let wanted = kind.into_type();
        Self {
            name,
            description,
            declared: if lenient { Type::Dynamic } else { wanted.clone() },
            wanted,
            nullable: T::NULLABLE,
            unknowable: T::UNKNOWABLE,
            variadic: false,
            validators: Vec::new(),
        }
    }

    /// A last parameter that takes any number of arguments.
    pub fn variadic<T: Variadic>(name: &'static str, description: &'static str) -> Self {
        Self { variadic: true, ..Self::of::<T::Element>(name, description) }
    }

    /// A check on the argument.
    pub fn validator(mut self, validator: impl Into<Validator>) -> Self {
        self.validators.push(validator.into());
        self
    }
}

fn may_lack_attributes(kind: &Kind) -> bool {
    match kind {
        Kind::Type(_) => false,
        Kind::Nested(Nesting::Single | Nesting::List | Nesting::Set | Nesting::Map, attributes) => {
            attributes.iter().any(|attribute| {
                attribute.source != crate::schema::Source::Required || may_lack_attributes(&attribute.kind)
            })
        }
    }
}

/// What Terraform is told about a function.
pub(crate) struct Signature {
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) returns: Type,
    pub(crate) summary: &'static str,
    pub(crate) description: &'static str,
    pub(crate) deprecated: Option<&'static str>,
}

impl Signature {
    pub(crate) fn of<F: Function>() -> Self {
        Self {
            parameters: F::Arguments::parameters(),
            returns: F::Output::kind().into_type(),
            summary: F::SUMMARY,
            description: F::DESCRIPTION,
            deprecated: F::DEPRECATED,
        }
    }
}

/// The Rust type of a variadic argument.
pub trait Variadic {
    /// The type of one argument.
    type Element: Field;
}

impl<T: Field> Variadic for Vec<T> {
    type Element = T;
}

/// Argument values on their way into an [`Arguments`].
pub struct ArgumentValues {
    values: std::vec::IntoIter<Dynamic>,
    position: usize,
}

impl ArgumentValues {
    /// Converts and checks raw values by the parameters.
    pub(crate) fn check(parameters: &[Parameter], values: Vec<Dynamic>) -> Result<Self, FunctionError> {
        let mut checked = Vec::with_capacity(values.len());
        for (position, value) in values.into_iter().enumerate() {
            let variadic = parameters.last().filter(|parameter| parameter.variadic);
            let parameter = parameters
                .get(position)
                .or(variadic)
                .ok_or_else(|| FunctionError::new("too many arguments").argument(position))?;
            let value = convert(value, &parameter.wanted, &Path::root()).map_err(|error| refused(&error, position))?;
            let mut out = crate::Diagnostics::new();
            for validator in &parameter.validators {
                validator.run(&value, &Path::root(), &mut out);
            }
            if let Some(first) = out.iter().next() {
                return Err(FunctionError::new(first.detail_text()).argument(position));
            }
            checked.push(value);
        }
        Ok(Self { values: checked.into_iter(), position: 0 })
    }

    /// The next argument.
    #[expect(clippy::should_implement_trait, reason = "each item has its own type")]
    pub fn next<T: Field>(&mut self) -> Result<T, FunctionError> {
        let position = self.position;
        let value = self.values.next().ok_or_else(|| FunctionError::new("too few arguments").argument(position))?;
        self.position += 1;
        T::decode(value, &Path::root()).map_err(|error| refused(&error, position))
    }

    /// All that are left.
    pub fn rest<T: Variadic + FromIterator<T::Element>>(&mut self) -> Result<T, FunctionError> {
        (0..self.values.len()).map(|_| self.next::<T::Element>()).collect()
    }
}

fn refused(error: &DecodeError, position: usize) -> FunctionError {
    let place = if error.path().is_root() { String::new() } else { format!("{}: ", error.path()) };
    FunctionError::new(format!("{place}{error}")).argument(position)
}
