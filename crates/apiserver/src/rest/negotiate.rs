//! What the client wants to read: media type and form (object, Table, metadata only), from `Accept`.

use crate::status::Status;
use http::HeaderMap;
use http::header::ACCEPT;

/// Wire format of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Json,
    Yaml,
    Protobuf,
}

/// What is sent for an object or list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// The object itself.
    Object,
    /// Rows and columns for people.
    Table,
    /// `PartialObjectMetadata`.
    Metadata,
}

/// The answer that was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Output {
    pub(crate) format: Format,
    pub(crate) form: Form,
}

/// What is offered in messages when nothing fits.
const OFFERED: [&str; 3] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];

/// Picks the first entry of `Accept` that can be served.
pub(crate) fn output(headers: &HeaderMap) -> Result<Output, Status> {
    for range in ranges(headers) {
        let Some(format) = format(range.media) else { continue };
        let form = match range.parameter("as") {
            None => Form::Object,
            Some("Table") if meta_v1(&range) => Form::Table,
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") if meta_v1(&range) => Form::Metadata,
            Some(_) => continue,
        };
        if form == Form::Table && format == Format::Protobuf {
            continue;
        }
        return Ok(Output { format, form });
    }
    if headers.get_all(ACCEPT).iter().all(|value| value.is_empty()) {
        return Ok(Output { format: Format::Json, form: Form::Object });
    }
    Err(Status::not_acceptable(&OFFERED))
}

/// Whether a range of `Accept` asks for a document of that group, version and name as JSON.
pub(crate) fn wants(headers: &HeaderMap, group: &str, version: &str, name: &str) -> bool {
    ranges(headers).any(|range| {
        format(range.media) == Some(Format::Json)
            && range.parameter("g") == Some(group)
            && range.parameter("v") == Some(version)
            && range.parameter("as") == Some(name)
    })
}

/// One entry of `Accept`.
struct MediaRange<'a> {
    media: &'a str,
    parameters: &'a str,
}

impl MediaRange<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self.parameters.split(';').filter_map(|pair| pair.split_once('='));
        pairs
            .map(|(key, value)| (key.trim(), value.trim()))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

/// The ranges as the client ordered them. Quality values are left aside, as clients of this API order instead.
fn ranges(headers: &HeaderMap) -> impl Iterator<Item = MediaRange<'_>> {
    let texts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(|range| {
        let (media, parameters) = range.split_once(';').unwrap_or((range, ""));
        MediaRange { media: media.trim(), parameters }
    })
}

fn format(media: &str) -> Option<Format> {
    match media {
        "application/json" | "application/*" | "*/*" => Some(Format::Json),
        "application/yaml" => Some(Format::Yaml),
        "application/vnd.kubernetes.protobuf" => Some(Format::Protobuf),
        _ => None,
    }
}

fn meta_v1(range: &MediaRange<'_>) -> bool {
    range.parameter("g") == Some("meta.k8s.io") && range.parameter("v") == Some("v1")
}

// === impl Format ===

impl Format {
    /// The media type of one document.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
            Self::Protobuf => "application/vnd.kubernetes.protobuf",
        }
    }

    /// The media type of a stream of watch events.
    pub(crate) fn stream_media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml;stream=watch",
            Self::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn of(accept: &str) -> Result<Output, Status> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
        output(&headers)
    }

    #[test]
    fn the_first_range_that_can_be_served_wins() {
        let table = of("application/json;as=Table;v=v1;g=meta.k8s.io,application/json").unwrap();
        assert_eq!((table.format, table.form), (Format::Json, Form::Table));
        let later = of("application/json;as=Table;v=v1beta9;g=meta.k8s.io,application/yaml").unwrap();
        assert_eq!((later.format, later.form), (Format::Yaml, Form::Object));
        assert_eq!(of("*/*").unwrap().format, Format::Json);
        assert_eq!(of("").unwrap().format, Format::Json);
    }

    #[test]
    fn nothing_fitting_is_refused() {
        assert_eq!(of("text/html").unwrap_err().code, 406);
        assert_eq!(of("application/json;as=Table;v=v1alpha1;g=meta.k8s.io").unwrap_err().code, 406);
    }
}
