//! The images in a Node's status: the largest first, with all their names.

use image::{ContentStore, Reference};
use k8s_openapi::api::core::v1::ContainerImage;

/// As many images as upstream's kubelet tells by default, and names of one.
const IMAGES: usize = 50;
const NAMES: usize = 5;

/// What the Node's status says about images.
pub(super) fn list(store: &ContentStore) -> Vec<ContainerImage> {
    let mut images = match store.list() {
        Ok(images) => images,
        Err(error) => {
            tracing::warn!(%error, "the images of the node cannot be listed");
            return Vec::new();
        }
    };
    images.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.names.cmp(&b.names)));
    images.truncate(IMAGES);
    let told = images.into_iter().map(|image| {
        let mut digests = Vec::new();
        let mut tags = Vec::new();
        for name in image.names {
            let repository = Reference::parse(&name).ok().and_then(|reference| reference.name);
            let by_digest = repository.map(|repository| format!("{repository}@{}", image.digest));
            digests.extend(by_digest.filter(|name| !digests.contains(name)));
            if !name.contains('@') {
                tags.push(name);
            }
        }
        digests.extend(tags);
        digests.truncate(NAMES);
        ContainerImage { names: Some(digests), size_bytes: i64::try_from(image.size).ok() }
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageConfig, LayerBuilder};

    #[test]
    fn images_are_told_by_digest_and_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let store = ContentStore::open(dir.path()).unwrap();
        let make = |size: usize| {
            let mut files = LayerBuilder::new();
            files.bytes("a", vec![b'x'; size], false).unwrap();
            let layer = store.put_layer(&files).unwrap();
            store.build_image(&ImageConfig::default(), &[layer]).unwrap()
        };
        let (small, large) = (make(1), make(100_000));
        store.tag("small:1", &small).unwrap();
        store.tag("large:1", &large).unwrap();
        store.tag("large:2", &large).unwrap();
        store.tag(&format!("other@{large}"), &large).unwrap();
        let list = list(&store);
        let names = |at: usize| list[at].names.clone().unwrap();
        let library = "docker.io/library";
        assert_eq!(
            names(0),
            [
                format!("{library}/large@{large}"),
                format!("{library}/other@{large}"),
                format!("{library}/large:1"),
                format!("{library}/large:2"),
            ]
        );
        assert_eq!(names(1), [format!("{library}/small@{small}"), format!("{library}/small:1")]);
        assert!(list[0].size_bytes > Some(100_000));
    }
}
