pub fn slug(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join("-")
}

#[test]
fn spaces_become_dashes() {
    assert_eq!(slug("Hello There"), "hello-there");
}
