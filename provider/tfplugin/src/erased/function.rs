//! Functions, erased.

use crate::function::{ArgumentValues, Arguments, Function, FunctionError, Signature};
use crate::guard::guarded_now;
use crate::schema::Field;
use crate::value::Dynamic;

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
