//! As much of JSON Schema as `docs/schema.json` uses, and stricter in one point: a property that
//! the schema does not name is an error, so that no field is written that is not documented.

use serde_json::{Map, Value};

/// What is wrong with a value.
pub(crate) fn errors(schema: &Value, value: &Value) -> Vec<String> {
    Validator { root: schema }.check(schema, value, "")
}

struct Validator<'a> {
    root: &'a Value,
}

impl Validator<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let rules = schema.as_object().unwrap();
        let mut errors = Vec::new();
        for (keyword, rule) in rules {
            let holds = match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" | "format" | "required" => true,
                "$ref" => {
                    let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                    let target = self.root.pointer(pointer).unwrap();
                    errors.extend(self.check(target, value, at));
                    true
                }
                "oneOf" => self.one_of(rule, value, at, &mut errors),
                "type" => is_of_type(rule, value),
                "const" => value == rule,
                "enum" => rule.as_array().unwrap().contains(value),
                "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
                "pattern" => {
                    value.as_str().is_none_or(|text| matches(rule.as_str().unwrap(), text))
                }
                "items" => {
                    for (nth, item) in value.as_array().into_iter().flatten().enumerate() {
                        errors.extend(self.check(rule, item, &format!("{at}/{nth}")));
                    }
                    true
                }
                "properties" => {
                    errors.extend(self.properties(rules, value, at));
                    true
                }
                "propertyNames" => {
                    for name in value.as_object().into_iter().flat_map(Map::keys) {
                        errors.extend(self.check(rule, &name.as_str().into(), at));
                    }
                    true
                }
                "additionalProperties" => {
                    for (name, item) in value.as_object().into_iter().flatten() {
                        errors.extend(self.check(rule, item, &format!("{at}/{name}")));
                    }
                    true
                }
                other => panic!("the schema uses {other}, which is not understood here"),
            };
            if !holds {
                errors.push(format!("{at}: {value} is not {keyword} {rule}"));
            }
        }
        errors
    }

    fn properties(&self, rules: &Map<String, Value>, value: &Value, at: &str) -> Vec<String> {
        let Some(object) = value.as_object() else { return Vec::new() };
        let properties = rules["properties"].as_object().unwrap();
        let mut errors = Vec::new();
        for name in rules["required"].as_array().unwrap() {
            if !object.contains_key(name.as_str().unwrap()) {
                errors.push(format!("{at}: {name} is missing"));
            }
        }
        for (name, value) in object {
            match properties.get(name) {
                Some(rule) => errors.extend(self.check(rule, value, &format!("{at}/{name}"))),
                None => errors.push(format!("{at}: {name} is not in the schema")),
            }
        }
        errors
    }

    /// Exactly one must hold. Of lines of several kinds, what is wrong with the kind that is meant
    /// is said.
    fn one_of(&self, rules: &Value, value: &Value, at: &str, errors: &mut Vec<String>) -> bool {
        let each: Vec<_> = rules.as_array().unwrap().iter().collect();
        let results: Vec<_> = each.iter().map(|rule| self.check(rule, value, at)).collect();
        let holding = results.iter().filter(|errors| errors.is_empty()).count();
        if holding == 0 {
            errors.extend(results.into_iter().min_by_key(Vec::len).unwrap_or_default());
        }
        holding == 1
    }
}

fn is_of_type(rule: &Value, value: &Value) -> bool {
    let one = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("there is no type {other}"),
    };
    match rule {
        Value::Array(names) => names.iter().any(|name| one(name.as_str().unwrap())),
        name => one(name.as_str().unwrap()),
    }
}

/// Patterns of digits, `{n}`, `+`, and characters that stand for themselves.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pattern = pattern.strip_prefix('^').unwrap().strip_suffix('$').unwrap();
    let mut text = text;
    while !pattern.is_empty() {
        if let Some(rest) = pattern.strip_prefix("[0-9]") {
            let digits = text.chars().take_while(char::is_ascii_digit).count();
            let (taken, rest) = if let Some(rest) = rest.strip_prefix('+') {
                (digits.max(1), rest)
            } else {
                let (times, rest) = rest.strip_prefix('{').unwrap().split_once('}').unwrap();
                (times.parse().unwrap(), rest)
            };
            if digits < taken {
                return false;
            }
            (pattern, text) = (rest, &text[taken..]);
        } else {
            let rest = pattern.strip_prefix('\\').unwrap_or(pattern);
            let literal = &rest[..1];
            let Some(after) = text.strip_prefix(literal) else { return false };
            (pattern, text) = (&rest[1..], after);
        }
    }
    text.is_empty()
}
