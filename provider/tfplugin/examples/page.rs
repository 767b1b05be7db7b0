//! A complete provider: pages kept as files.
use std::io::ErrorKind::NotFound;
use tfplugin_rs::prelude::*;

fn main() -> std::process::ExitCode {
    tfplugin_rs::serve(PageProvider)
}

struct PageProvider;
/// Keeps pages as files.
#[derive(Clone, Model)]
struct Settings {
    /// Directory of the pages.
    #[tf(required)]
    directory: Value<String>,
}

impl Provider for PageProvider {
    type Model = Settings;
    type Data = Option<String>; // what `configure` makes and resources get
    const NAME: &'static str = "page";
    fn register(&self, registry: &mut Registry<Self::Data>) {
        registry.resource(PageResource);
    }

    async fn configure(&self, _ctx: &ConfigureContext, settings: Settings) -> Result<Self::Data> {
        Ok(settings.directory.into_known()) // `None` while a plan does not know it yet
    }
}

/// One page.
#[derive(Clone, Model)]
struct Page {
    /// Name of the file.
    #[tf(required, plan = requires_replace(), validate = length(1..=64))]
    name: Value<String>,
    /// What is written on it.
    #[tf(optional, default = "")]
    text: Value<String>,
    /// Where it lies.
    #[tf(computed, plan = keep_state())]
    path: Value<String>,
}

struct PageResource;
impl Resource for PageResource {
    type Model = Page;
    type Identity = ();
    type Data = Option<String>;
    const NAME: &'static str = "page_page";
    async fn create(&self, ctx: &ResourceContext<Self>, mut page: Page) -> Result<Page> {
        let directory = ctx.data().as_deref().ok_or_else(|| Diagnostic::error("The directory is not known yet"))?;
        page.path = format!("{directory}/{}", page.name.as_str().unwrap_or_default()).into();
        self.update(ctx, page.clone(), page).await
    }

    async fn read(&self, _ctx: &ResourceContext<Self>, mut page: Page) -> Result<Option<Page>> {
        match std::fs::read_to_string(page.path.as_str().unwrap_or_default()) {
            Ok(text) => page.text = text.into(),
            Err(error) if error.kind() == NotFound => return Ok(None), // Terraform plans a new one
            Err(error) => return Err(Diagnostic::error(format!("Cannot read the page: {error}")).into()),
        }
        Ok(Some(page))
    }

    async fn update(&self, _ctx: &ResourceContext<Self>, _prior: Page, page: Page) -> Result<Page> {
        std::fs::write(page.path.as_str().unwrap_or_default(), page.text.as_str().unwrap_or_default())
            .map_err(|error| Diagnostic::error(format!("Cannot write the page: {error}")))?;
        Ok(page)
    }

    async fn delete(&self, _ctx: &ResourceContext<Self>, page: Page) -> Result<()> {
        match std::fs::remove_file(page.path.as_str().unwrap_or_default()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == NotFound => Ok(()), // already gone is fine
            Err(error) => Err(Diagnostic::error(format!("Cannot remove the page: {error}")).into()),
        }
    }
}
