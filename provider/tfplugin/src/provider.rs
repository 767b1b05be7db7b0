//! The trait of a provider, and what it registers.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, LazyLock};

use crate::action::Action;
use crate::context::ConfigureContext;
use crate::data_source::DataSource;
use crate::diagnostic::{Diagnostics, Result};
use crate::ephemeral_resource::EphemeralResource;
use crate::erased::{
    AnyAction, AnyDataSource, AnyEphemeralResource, AnyFunction, AnyListResource, AnyResource, AnyStateStore,
    Described, HeldStore, LazyDescribed,
};
use crate::function::{Function, Signature};
use crate::list_resource::ListResource;
use crate::resource::Resource;
use crate::schema::Model;
use crate::state_store::StateStore;

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

/// What a provider has whose `configure` makes a `D`.
pub struct Registry<D> {
    pub(crate) resources: Entries<ResourceEntry<D>>,
    pub(crate) data_sources: Entries<Entry<dyn AnyDataSource<D>>>,
    pub(crate) ephemeral_resources: Entries<Entry<dyn AnyEphemeralResource<D>>>,
    pub(crate) list_resources: Entries<Entry<dyn AnyListResource<D>>>,
    pub(crate) actions: Entries<Entry<dyn AnyAction<D>>>,
    pub(crate) functions: Entries<FunctionEntry>,
    pub(crate) state_stores: Entries<Entry<dyn AnyStateStore<D>>>,
    pub(crate) provider_meta: Option<LazyDescribed>,
}

/// By name. Shared, because answers that are streamed outlive the call that began them.
pub(crate) type Entries<E> = BTreeMap<&'static str, Arc<E>>;

/// Something with a schema; the schema is made when first asked for.
pub(crate) struct Entry<T: ?Sized> {
    pub(crate) described: LazyDescribed,
    pub(crate) inner: Box<T>,
}

/// A resource, which has two schemas: its own, and that of its identity.
pub(crate) struct ResourceEntry<D> {
    pub(crate) described: LazyDescribed,
    pub(crate) identity: LazyDescribed,
    /// Whether the identity may change.
    pub(crate) identity_changes: bool,
    pub(crate) inner: Box<dyn AnyResource<D>>,
}

impl<D> ResourceEntry<D> {
    /// The schema of the identity, if the resource has one.
    pub(crate) fn identity(&self) -> Option<&Described> {
        let described = &*self.identity;
        (!described.schema.attributes.is_empty()).then_some(described)
    }
}

/// A function; its signature is made when first asked for.
pub(crate) struct FunctionEntry {
    pub(crate) signature: LazyLock<Signature, fn() -> Signature>,
    pub(crate) inner: Box<dyn AnyFunction>,
}

impl<D: Send + Sync + 'static> Registry<D> {
    /// Adds a resource.
    pub fn resource<R: Resource<Data = D>>(&mut self, resource: R) -> &mut Self {
        let entry = ResourceEntry {
            described: LazyLock::new(|| Described::of::<R::Model>(R::VERSION)),
            identity: LazyLock::new(|| Described::of::<R::Identity>(R::IDENTITY_VERSION)),
            identity_changes: R::IDENTITY_CHANGES,
            inner: Box::new(resource),
        };
        put(&mut self.resources, R::NAME, entry);
        self
    }

    /// Adds a data source.
    pub fn data_source<S: DataSource<Data = D>>(&mut self, source: S) -> &mut Self {
        let entry = Entry { described: LazyLock::new(|| Described::of::<S::Model>(0)), inner: Box::new(source) as _ };
        put(&mut self.data_sources, S::NAME, entry);
        self
    }

    /// Adds an ephemeral resource.
    pub fn ephemeral_resource<E: EphemeralResource<Data = D>>(&mut self, resource: E) -> &mut Self {
        let entry = Entry { described: LazyLock::new(|| Described::of::<E::Model>(0)), inner: Box::new(resource) as _ };
        put(&mut self.ephemeral_resources, E::NAME, entry);
        self
    }

    /// Adds a list resource. It has the name of the resource that it finds, which must be registered too.
    pub fn list_resource<L>(&mut self, list: L) -> &mut Self
    where
        L: ListResource,
        L::Resource: Resource<Data = D>,
    {
        let entry = Entry { described: LazyLock::new(|| Described::of::<L::Model>(0)), inner: Box::new(list) as _ };
        put(&mut self.list_resources, <L::Resource as Resource>::NAME, entry);
        self
    }

    /// Adds an action.
    pub fn action<A: Action<Data = D>>(&mut self, action: A) -> &mut Self {
        let inner: Box<dyn AnyAction<D>> = Box::new(action);
        let entry = Entry { described: LazyLock::new(|| Described::of::<A::Model>(0)), inner };
        put(&mut self.actions, A::NAME, entry);
        self
    }

    /// Adds a function.
    pub fn function<F: Function>(&mut self, function: F) -> &mut Self {
        let entry = FunctionEntry { signature: LazyLock::new(Signature::of::<F>), inner: Box::new(function) };
        put(&mut self.functions, F::NAME, entry);
        self
    }

    /// Adds a state store.
    pub fn state_store<S: StateStore<Data = D>>(&mut self, store: S) -> &mut Self {
        let inner: Box<dyn AnyStateStore<D>> = Box::new(HeldStore::new(store));
        let entry = Entry { described: LazyLock::new(|| Described::of::<S::Model>(0)), inner };
        put(&mut self.state_stores, S::NAME, entry);
        self
    }

    /// Lets modules have a `provider_meta` block with the attributes of `M`.
    pub fn provider_meta<M: Model>(&mut self) -> &mut Self {
        self.provider_meta = Some(LazyLock::new(|| Described::of::<M>(0)));
        self
    }

    pub(crate) fn new() -> Self {
        Self {
            resources: BTreeMap::new(),
            data_sources: BTreeMap::new(),
            ephemeral_resources: BTreeMap::new(),
            list_resources: BTreeMap::new(),
            actions: BTreeMap::new(),
            functions: BTreeMap::new(),
            state_stores: BTreeMap::new(),
            provider_meta: None,
        }
    }
}

/// Two of one name would be one that nobody ever reaches.
fn put<E>(entries: &mut Entries<E>, name: &'static str, entry: E) {
    assert!(entries.insert(name, Arc::new(entry)).is_none(), "{name} is registered twice");
}
