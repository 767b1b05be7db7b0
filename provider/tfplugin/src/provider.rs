//! The trait of a provider, and what it registers.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::OnceLock;

use crate::context::ConfigureContext;
use crate::data_source::DataSource;
use crate::diagnostic::{Diagnostics, Result};
use crate::ephemeral_resource::EphemeralResource;
use crate::erased::{AnyDataSource, AnyEphemeralResource, AnyFunction, AnyResource, Described, LazySchema, Signature};
use crate::function::Function;
use crate::model::Model;
use crate::resource::Resource;

/// A provider.
pub trait Provider: Send + Sync + 'static {
    /// The struct that mirrors the provider block.
    type Model: Model;
    /// What operations share: clients, settings.
    type Data: Send + Sync + 'static;
    /// Its name, as in `terraform-provider-NAME`.
    const NAME: &'static str;
    /// Where it comes from, as in the `source` of `required_providers`: `HOST/NAMESPACE/NAME`, of which Terraform
    /// completes what is left out. Only `-debug` needs it.
    const SOURCE: &'static str = Self::NAME;

    /// Lists what the provider has. Cheap: it runs whenever the provider starts.
    fn register(&self, registry: &mut Registry<Self::Data>);

    /// Rules across attributes of the provider block. Any value may be unknown.
    fn validate(&self, _config: &Self::Model, _out: &mut Diagnostics) {}

    /// Makes what operations share. During a plan, values may be unknown: put off what needs them, do not fail.
    fn configure(&self, ctx: &ConfigureContext, config: Self::Model)
    -> impl Future<Output = Result<Self::Data>> + Send;
}

/// The resources, data sources, ephemeral resources and functions of a provider whose `configure` makes a `D`.
pub struct Registry<D> {
    pub(crate) resources: BTreeMap<&'static str, Entry<dyn AnyResource<D>>>,
    pub(crate) data_sources: BTreeMap<&'static str, Entry<dyn AnyDataSource<D>>>,
    pub(crate) ephemeral_resources: BTreeMap<&'static str, Entry<dyn AnyEphemeralResource<D>>>,
    pub(crate) functions: BTreeMap<&'static str, FunctionEntry>,
}

/// Something with a schema; the schema is made when first asked for.
pub(crate) struct Entry<T: ?Sized> {
    pub(crate) described: LazySchema,
    pub(crate) inner: Box<T>,
}

impl<T: ?Sized> Entry<T> {
    fn new(inner: Box<T>) -> Self {
        Self { described: LazySchema::default(), inner }
    }
}

impl<D> Entry<dyn AnyResource<D>> {
    pub(crate) fn described(&self) -> &Described {
        self.described.get_or(|| self.inner.schema())
    }
}

impl<D> Entry<dyn AnyDataSource<D>> {
    pub(crate) fn described(&self) -> &Described {
        self.described.get_or(|| self.inner.schema())
    }
}

impl<D> Entry<dyn AnyEphemeralResource<D>> {
    pub(crate) fn described(&self) -> &Described {
        self.described.get_or(|| self.inner.schema())
    }
}

/// A function; its signature is made when first asked for.
pub(crate) struct FunctionEntry {
    signature: OnceLock<Signature>,
    pub(crate) inner: Box<dyn AnyFunction>,
}

impl FunctionEntry {
    pub(crate) fn signature(&self) -> &Signature {
        self.signature.get_or_init(|| self.inner.signature())
    }
}

impl<D: Send + Sync + 'static> Registry<D> {
    /// Adds a resource.
    pub fn resource<R: Resource<Data = D>>(&mut self, resource: R) -> &mut Self {
        self.resources.insert(R::NAME, Entry::new(Box::new(resource)));
        self
    }

    /// Adds a data source.
    pub fn data_source<S: DataSource<Data = D>>(&mut self, source: S) -> &mut Self {
        self.data_sources.insert(S::NAME, Entry::new(Box::new(source)));
        self
    }

    /// Adds an ephemeral resource.
    pub fn ephemeral_resource<E: EphemeralResource<Data = D>>(&mut self, resource: E) -> &mut Self {
        self.ephemeral_resources.insert(E::NAME, Entry::new(Box::new(resource)));
        self
    }

    /// Adds a function.
    pub fn function<F: Function>(&mut self, function: F) -> &mut Self {
        self.functions.insert(F::NAME, FunctionEntry { signature: OnceLock::new(), inner: Box::new(function) });
        self
    }

    pub(crate) fn new() -> Self {
        Self {
            resources: BTreeMap::new(),
            data_sources: BTreeMap::new(),
            ephemeral_resources: BTreeMap::new(),
            functions: BTreeMap::new(),
        }
    }
}
