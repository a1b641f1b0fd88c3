//! Dockerfiles, their variables and `.dockerignore`: errors name a line that is there.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    let lines = data.lines().count();
    match dockerfile::parse("Dockerfile", data) {
        Ok(file) => assert!(file.instructions.iter().all(|i| i.line >= 1 && i.line <= lines)),
        Err(dockerfile::Error::Line { place, .. }) => assert!(place.line <= lines),
        Err(other) => panic!("{other}"),
    }
    let value = |name: &str| (name.len() % 2 == 0).then(|| name.to_owned());
    for escape in ['\\', '`'] {
        let _ = dockerfile::expand(data, escape, &value);
    }
    if let Ok(ignored) = dockerfile::Ignored::parse(".dockerignore", data) {
        let _ = ignored.ignores("a/b.c");
    }
});
