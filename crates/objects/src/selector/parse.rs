//! The text form of label selectors: a lexer and a recursive-descent parser.

use std::collections::BTreeSet;

use super::{Operator, Requirement, SelectorError};

/// Reads a comma-separated list of requirements.
pub(super) fn requirements(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    let mut parser = Parser { tokens: tokens(text), at: 0 };
    let mut requirements = Vec::new();
    loop {
        match parser.peek() {
            Token::Identifier | Token::Not => {}
            Token::End if requirements.is_empty() => return Ok(requirements),
            _ => return Err(parser.expected(": !, identifier, or 'end of string'")),
        }
        let requirement = parser.requirement();
        requirements.push(
            requirement
                .map_err(|error| SelectorError(format!("unable to parse requirement: {}", error.0)))?,
        );
        match parser.next().0 {
            Token::End => return Ok(requirements),
            Token::Comma if matches!(parser.peek(), Token::Identifier | Token::Not) => {}
            Token::Comma => return Err(parser.expected(": identifier after ','")),
            _ => {
                parser.at -= 1;
                return Err(parser.expected(": ',' or 'end of string'"));
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Identifier,
    Comma,
    Open,
    Close,
    Not,
    Equal,
    NotEqual,
    Greater,
    Less,
    End,
}

/// Splits into tokens with their text; the last one is `End`.
fn tokens(text: &str) -> Vec<(Token, &str)> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '=' if rest.starts_with("==") => (Token::Equal, 2),
            '=' => (Token::Equal, 1),
            '!' if rest.starts_with("!=") => (Token::NotEqual, 2),
            '!' => (Token::Not, 1),
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            '>' => (Token::Greater, 1),
            '<' => (Token::Less, 1),
            _ => {
                let ends = |letter: char| letter.is_ascii_whitespace() || "=!(),><".contains(letter);
                (Token::Identifier, rest.find(ends).unwrap_or(rest.len()).max(first.len_utf8()))
            }
        };
        let (word, tail) = rest.split_at(length);
        tokens.push((token, word));
        rest = tail.trim_start();
    }
    tokens.push((Token::End, ""));
    tokens
}

struct Parser<'a> {
    tokens: Vec<(Token, &'a str)>,
    at: usize,
}

impl<'a> Parser<'a> {
    fn current(&self) -> (Token, &'a str) {
        self.tokens.get(self.at).copied().unwrap_or((Token::End, ""))
    }

    fn peek(&self) -> Token {
        self.current().0
    }

    fn next(&mut self) -> (Token, &'a str) {
        let token = self.current();
        self.at += 1;
        token
    }

    fn expected(&self, what: &str) -> SelectorError {
        SelectorError(format!("found '{}', expected{what}", self.current().1))
    }

    fn identifier(&mut self) -> Result<&'a str, SelectorError> {
        if self.peek() != Token::Identifier {
            return Err(self.expected(": identifier"));
        }
        Ok(self.next().1)
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        let absent = self.peek() == Token::Not;
        if absent {
            self.at += 1;
        }
        let key = self.identifier()?.to_owned();
        // The key is checked before the operator is looked at.
        Requirement::new(key.clone(), Operator::Exists, Vec::new())?;
        if absent {
            return Requirement::new(key, Operator::Absent, Vec::new());
        }
        if matches!(self.peek(), Token::End | Token::Comma) {
            return Requirement::new(key, Operator::Exists, Vec::new());
        }
        let (operator, list) = match self.current() {
            (Token::Equal, _) => (Operator::In, false),
            (Token::NotEqual, _) => (Operator::NotIn, false),
            (Token::Greater, _) => (Operator::Greater, false),
            (Token::Less, _) => (Operator::Less, false),
            (Token::Identifier, "in") => (Operator::In, true),
            (Token::Identifier, "notin") => (Operator::NotIn, true),
            _ => return Err(self.expected(": in, notin, =, ==, !=, gt, lt")),
        };
        self.at += 1;
        let values = if list { self.values()? } else { vec![self.exact_value()?] };
        Requirement::new(key, operator, values)
    }

    fn exact_value(&mut self) -> Result<String, SelectorError> {
        if matches!(self.peek(), Token::End | Token::Comma) {
            return Ok(String::new());
        }
        self.identifier().map(str::to_owned)
    }

    /// `(a,b)`; an empty place stands for the empty value.
    fn values(&mut self) -> Result<Vec<String>, SelectorError> {
        if self.peek() != Token::Open {
            return Err(self.expected(": '('"));
        }
        self.at += 1;
        let mut values = BTreeSet::new();
        loop {
            let value = if self.peek() == Token::Identifier { self.next().1 } else { "" };
            values.insert(value.to_owned());
            match self.peek() {
                Token::Comma => self.at += 1,
                Token::Close => {
                    self.at += 1;
                    return Ok(values.into_iter().collect());
                }
                _ => return Err(self.expected(": ',' or ')'")),
            }
        }
    }
}
