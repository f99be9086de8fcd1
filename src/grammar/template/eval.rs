//! Walks the nodes and prints (Go's text/template/exec.go).

use std::borrow::Cow;
use std::fmt::Display;

use serde_json::Value;

use super::funcs::{self, Function, Param};
use super::node::{Branch, Call, Command, Node, Number, Pipe, Term, Word};
use super::print::plain;
use super::value::{Shape, Val, type_name};
use super::{Objects, Rules, Template};
use crate::grammar::go::quote;

/// Deeper recursion is refused: it would use up the stack.
const DEEPEST: usize = 400;

/// Why a template could not be executed, and where.
#[derive(Debug)]
pub(super) struct Failure {
    /// Byte offset in the text.
    pub(super) position: usize,
    /// Name of the template, empty for the main one.
    pub(super) template: String,
    /// The expression, as Go prints it.
    pub(super) context: String,
    pub(super) why: String,
}

type Result<T> = std::result::Result<T, Failure>;

/// Returns what `template` prints for `data`.
pub(super) fn execute<'a>(
    template: &'a Template,
    data: &'a Value,
    rules: Rules<'a>,
) -> Result<String> {
    let root = Val::Json(Cow::Borrowed(data), rules.root());
    let mut evaluator = Evaluator {
        template,
        rules,
        data,
        name: "",
        variables: vec![("$", root.clone())],
        at: (0, &""),
        depth: 0,
        out: String::new(),
    };
    evaluator.walk(&root, &template.main)?;
    Ok(evaluator.out)
}

struct Evaluator<'a> {
    template: &'a Template,
    rules: Rules<'a>,
    data: &'a Value,
    /// The template that is running.
    name: &'a str,
    variables: Vec<(&'a str, Val<'a>)>,
    /// The expression that an error is about.
    at: (usize, &'a dyn Display),
    depth: usize,
    out: String,
}

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

/// Arguments of a field or function: the words after it, and what a pipe brings.
type Arguments<'a> = (&'a [Word], Option<Val<'a>>);

impl<'a> Evaluator<'a> {
    fn fail<T>(&self, why: impl Into<String>) -> Result<T> {
        Err(Failure {
            position: self.at.0,
            template: self.name.to_owned(),
            context: self.at.1.to_string(),
            why: why.into(),
        })
    }

    fn walk(&mut self, dot: &Val<'a>, nodes: &'a [Node]) -> Result<Flow> {
        if self.depth == DEEPEST {
            return self.fail(format!("exceeded maximum template depth ({DEEPEST})"));
        }
        self.depth += 1;
        let mut flow = Flow::On;
        for node in nodes {
            flow = self.step(dot, node)?;
            if flow != Flow::On {
                break;
            }
        }
        self.depth -= 1;
        Ok(flow)
    }

    fn step(&mut self, dot: &Val<'a>, node: &'a Node) -> Result<Flow> {
        match node {
            Node::Text(text) => self.out += text,
            Node::Action(pipe) => {
                let val = self.pipe(dot, pipe)?;
                if pipe.variables.is_empty() {
                    self.out += &self.printed(&val);
                }
            }
            Node::If(branch) => return self.branch(dot, branch, |_| dot.clone()),
            Node::With(branch) => return self.branch(dot, branch, Val::clone),
            Node::Range(branch) => return self.range(dot, branch),
            Node::Template(call) => self.call(dot, call)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn printed(&self, val: &Val<'a>) -> String {
        match val {
            Val::Missing => "<no value>".to_owned(),
            Val::Json(value, _)
                if value.is_null() && matches!(self.rules.objects, Objects::Maps) =>
            {
                "<no value>".to_owned()
            }
            _ => plain(val, &self.rules),
        }
    }

    /// Runs an `if` or `with`; `inner` makes the dot of its body.
    fn branch(
        &mut self,
        dot: &Val<'a>,
        branch: &'a Branch,
        inner: impl FnOnce(&Val<'a>) -> Val<'a>,
    ) -> Result<Flow> {
        let scope = self.variables.len();
        let val = self.pipe(dot, &branch.pipe)?;
        let flow = if val.is_true() {
            self.walk(&inner(&val), &branch.body)?
        } else {
            self.walk(dot, &branch.otherwise)?
        };
        self.variables.truncate(scope);
        Ok(flow)
    }

    fn range(&mut self, dot: &Val<'a>, branch: &'a Branch) -> Result<Flow> {
        let scope = self.variables.len();
        let list = self.commands(dot, &branch.pipe)?;
        let Some(entries) = funcs::entries(&list, &self.rules) else {
            return self.fail(format!(
                "range can't iterate over {}",
                plain(&list, &self.rules)
            ));
        };
        let mut is_empty = true;
        for (key, item) in entries {
            is_empty = false;
            match &branch.pipe.variables[..] {
                [] => {}
                [one] => self.set(&branch.pipe, one, item.clone())?,
                [first, second, ..] => {
                    self.set(&branch.pipe, first, key)?;
                    self.set(&branch.pipe, second, item.clone())?;
                }
            }
            let flow = self.walk(&item, &branch.body)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        if is_empty {
            let flow = self.walk(dot, &branch.otherwise)?;
            self.variables.truncate(scope);
            return Ok(flow);
        }
        Ok(Flow::On)
    }

    fn call(&mut self, dot: &Val<'a>, call: &'a Call) -> Result<()> {
        self.at = (call.position, call);
        let template: &'a Template = self.template;
        let Some(body) = template.defined.get(&call.name) else {
            return self.fail(format!("template {:?} not defined", call.name));
        };
        let inner = match &call.pipe {
            Some(pipe) => self.pipe(dot, pipe)?,
            None => Val::Missing,
        };
        self.at = (call.position, call);
        let variables = std::mem::replace(&mut self.variables, vec![("$", inner.clone())]);
        let name = std::mem::replace(&mut self.name, &call.name);
        self.walk(&inner, body)?;
        (self.variables, self.name) = (variables, name);
        Ok(())
    }

    /// Declares or assigns a variable of `pipe`.
    fn set(&mut self, pipe: &Pipe, name: &'a str, val: Val<'a>) -> Result<()> {
        if !pipe.assigns {
            self.variables.push((name, val));
            return Ok(());
        }
        match self
            .variables
            .iter_mut()
            .rev()
            .find(|(known, _)| *known == name)
        {
            Some(variable) => variable.1 = val,
            None => return self.fail(format!("undefined variable: {name}")),
        }
        Ok(())
    }

    fn pipe(&mut self, dot: &Val<'a>, pipe: &'a Pipe) -> Result<Val<'a>> {
        let val = self.commands(dot, pipe)?;
        for name in &pipe.variables {
            self.set(pipe, name, val.clone())?;
        }
        Ok(val)
    }

    fn commands(&mut self, dot: &Val<'a>, pipe: &'a Pipe) -> Result<Val<'a>> {
        self.at = (pipe.position, pipe);
        let mut val = None;
        for command in &pipe.commands {
            val = Some(self.command(dot, command, val)?);
        }
        Ok(val.unwrap_or(Val::Missing))
    }

    fn command(
        &mut self,
        dot: &Val<'a>,
        command: &'a Command,
        piped: Option<Val<'a>>,
    ) -> Result<Val<'a>> {
        let (first, words) = (&command.words[0], &command.words[1..]);
        match &first.term {
            Term::Function(name) => {
                self.at = (first.position, first);
                return self.function(dot, name, (command.position, command), (words, piped));
            }
            Term::Field(names) => {
                self.at = (first.position, first);
                return self.fields(dot, dot.clone(), names, (words, piped));
            }
            Term::Variable(name, names) if !names.is_empty() => {
                self.at = (first.position, first);
                let variable = self.variable(name)?;
                return self.fields(dot, variable, names, (words, piped));
            }
            Term::Chain(inner, names) => {
                let receiver = self.word(dot, inner)?;
                return self.fields(dot, receiver, names, (words, piped));
            }
            _ => self.at = (first.position, first),
        }
        if !words.is_empty() || piped.is_some() {
            return self.fail(format!("can't give argument to non-function {first}"));
        }
        if matches!(first.term, Term::Nil) {
            return self.fail("nil is not a command");
        }
        self.word(dot, first)
    }

    /// Evaluates one operand without arguments.
    fn word(&mut self, dot: &Val<'a>, word: &'a Word) -> Result<Val<'a>> {
        self.at = (word.position, word);
        match &word.term {
            Term::Dot => Ok(dot.clone()),
            Term::Nil => Ok(Val::Nil),
            Term::Bool(value) => Ok(Val::new(*value)),
            Term::Number(_, Number::Int(number)) => Ok(Val::new(*number)),
            Term::Number(_, Number::Float(number)) => Ok(Val::new(*number)),
            Term::Number(written, Number::TooLarge) => {
                self.fail(format!("{written} overflows int"))
            }
            Term::Text(_, text) => Ok(Val::new(text.as_str())),
            Term::Field(names) => self.fields(dot, dot.clone(), names, (&[], None)),
            Term::Variable(name, names) => {
                let variable = self.variable(name)?;
                self.fields(dot, variable, names, (&[], None))
            }
            Term::Function(name) => self.function(dot, name, (word.position, word), (&[], None)),
            Term::Pipe(pipe) => self.pipe(dot, pipe),
            Term::Chain(inner, names) => {
                if matches!(inner.term, Term::Nil) {
                    return self.fail(format!("indirection through explicit nil in {word}"));
                }
                let receiver = self.word(dot, inner)?;
                self.fields(dot, receiver, names, (&[], None))
            }
        }
    }

    fn variable(&self, name: &str) -> Result<Val<'a>> {
        match self
            .variables
            .iter()
            .rev()
            .find(|(known, _)| *known == name)
        {
            Some((_, val)) => Ok(val.clone()),
            None => self.fail(format!("undefined variable: {name}")),
        }
    }

    /// Follows a chain of fields; the last one gets the arguments.
    fn fields(
        &mut self,
        dot: &Val<'a>,
        receiver: Val<'a>,
        names: &'a [String],
        arguments: Arguments<'a>,
    ) -> Result<Val<'a>> {
        let Some((last, names)) = names.split_last() else {
            return Ok(receiver);
        };
        let mut val = receiver;
        for name in names {
            val = self.field(dot, val, name, (&[], None))?;
        }
        self.field(dot, val, last, arguments)
    }

    fn field(
        &mut self,
        dot: &Val<'a>,
        receiver: Val<'a>,
        name: &str,
        arguments: Arguments<'a>,
    ) -> Result<Val<'a>> {
        let has_arguments = !arguments.0.is_empty() || arguments.1.is_some();
        let (value, shape) = match &receiver {
            Val::Json(value, shape) => (value, *shape),
            Val::Missing => return Ok(Val::Missing),
            Val::Nil => return self.fail(format!("nil pointer evaluating interface {{}}.{name}")),
        };
        if let Some(member) = receiver.member(name, &self.rules) {
            return match has_arguments {
                true => self.fail(format!("{name} is not a method but has arguments")),
                false => Ok(member),
            };
        }
        if matches!(value, Cow::Borrowed(value) if std::ptr::eq(*value, self.data))
            && let Some(val) = self.method(dot, name, arguments)?
        {
            return Ok(val);
        }
        match (&**value, shape) {
            (Value::Null | Value::Object(_), Shape::Map) => Ok(Val::Missing),
            (Value::Null, _) => self.fail(format!("nil pointer evaluating interface {{}}.{name}")),
            (Value::Object(_), _) if matches!(self.rules.objects, Objects::Structs { .. }) => {
                self.fail(format!("map has no entry for key {}", quote(name)))
            }
            (other, _) => {
                let kind = match (self.rules.objects, other, value) {
                    (Objects::Row(name), Value::Object(_), _) => name,
                    (Objects::Structs { .. }, _, Cow::Borrowed(_)) => "interface {}",
                    _ => type_name(other),
                };
                self.fail(format!("can't evaluate field {name} in type {kind}"))
            }
        }
    }

    /// Asks the caller of the template for a method of the data.
    fn method(
        &mut self,
        dot: &Val<'a>,
        name: &str,
        arguments: Arguments<'a>,
    ) -> Result<Option<Val<'a>>> {
        let Some(method) = self.rules.method else {
            return Ok(None);
        };
        let at = self.at;
        let mut args = Vec::new();
        for word in arguments.0 {
            args.push(self.word(dot, word)?.json().clone());
        }
        args.extend(arguments.1.map(|val| val.json().clone()));
        self.at = at;
        match method(name, &args) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(Val::Json(Cow::Owned(value), self.rules.element()))),
            Some(Err(why)) => self.fail(why),
        }
    }

    /// Calls a function. `at` is what an error of the call itself is about.
    fn function(
        &mut self,
        dot: &Val<'a>,
        name: &'a str,
        at: (usize, &'a dyn Display),
        arguments: Arguments<'a>,
    ) -> Result<Val<'a>> {
        let count = arguments.0.len() + usize::from(arguments.1.is_some());
        let Some(function) = funcs::find(name) else {
            return self.and_or(dot, name == "or", name, arguments);
        };
        let (least, is_open) = (function.params.len(), function.rest.is_some());
        if count < least || count > least && !is_open {
            let want = if is_open { "want at least" } else { "want" };
            return self.fail(format!(
                "wrong number of args for {name}: {want} {least} got {count}"
            ));
        }
        let mut args = Vec::with_capacity(count);
        for (index, word) in arguments.0.iter().enumerate() {
            let val = self.word(dot, word)?;
            let written = is_literal(word).then(|| word.to_string());
            self.check(function, index, &val, written.as_deref())?;
            args.push(val);
        }
        if let Some(val) = arguments.1 {
            self.check(function, args.len(), &val, None)?;
            args.push(val);
        }
        if function.keeps(&self.rules) {
            return Ok(args.swap_remove(0));
        }
        self.at = at;
        (function.run)(&args, &self.rules)
            .or_else(|why| self.fail(format!("error calling {name}: {why}")))
    }

    fn check(
        &self,
        function: &Function,
        index: usize,
        val: &Val<'a>,
        written: Option<&str>,
    ) -> Result<()> {
        if function.keeps(&self.rules) {
            return Ok(());
        }
        let param = function
            .params
            .get(index)
            .copied()
            .or(function.rest)
            .unwrap_or(Param::Any);
        match funcs::mismatch(param, val, written) {
            Some(why) => self.fail(why),
            None => Ok(()),
        }
    }

    /// `and` and `or`: the first argument that decides, or the last one.
    fn and_or(
        &mut self,
        dot: &Val<'a>,
        wanted: bool,
        name: &str,
        arguments: Arguments<'a>,
    ) -> Result<Val<'a>> {
        let mut val = None;
        for word in arguments.0 {
            let next = self.word(dot, word)?;
            if next.is_true() == wanted {
                return Ok(next);
            }
            val = Some(next);
        }
        match arguments.1.or(val) {
            Some(val) => Ok(val),
            None => self.fail(format!(
                "wrong number of args for {name}: want at least 1 got 0"
            )),
        }
    }
}

fn is_literal(word: &Word) -> bool {
    matches!(
        word.term,
        Term::Text(..) | Term::Number(..) | Term::Bool(_) | Term::Nil
    )
}
