//! Names and texts of migration scripts: statements are cut from the text and stand on the line they name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use migrate::{Script, Syntax, Version, split};

fuzz_target!(|data: (&str, &str)| {
    let (name, text) = data;
    if let Some(version) = Version::parse(name) {
        assert_eq!(Version::parse(&version.to_string()), Some(version));
    }
    let _ = migrate::Url::parse(name);
    let _ = Script::parse(name, text);
    for syntax in [Syntax::Postgres, Syntax::Sqlite] {
        let mut from = 0;
        for statement in split(text, syntax) {
            from += text[from..].find(&statement.text).expect("in order");
            assert!(1 + text[..from].matches('\n').count() <= statement.line, "{statement:?}");
            from += statement.text.len();
            assert!(!statement.text.is_empty());
        }
    }
});
