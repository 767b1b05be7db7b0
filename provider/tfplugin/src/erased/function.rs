//! Functions, erased.

use crate::function::{ArgumentValues, Arguments, Function, FunctionError, Parameter};
use crate::guard::guarded_now;
use crate::value::{Dynamic, Field, Type};

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

/// A function of any type.
pub(crate) trait AnyFunction: Send + Sync {
    fn call_with(&self, signature: &Signature, values: Vec<Dynamic>) -> Result<Dynamic, FunctionError>;
}

impl<F: Function> AnyFunction for F {
    fn call_with(&self, signature: &Signature, values: Vec<Dynamic>) -> Result<Dynamic, FunctionError> {
        let mut values = ArgumentValues::check(&signature.parameters, values)?;
        let arguments = F::Arguments::decode(&mut values)?;
        let result = guarded_now(|| Ok(self.call(arguments).map(|output| output.encode())));
        result.unwrap_or_else(|panicked| Err(FunctionError::new(panicked.to_string())))
    }
}
