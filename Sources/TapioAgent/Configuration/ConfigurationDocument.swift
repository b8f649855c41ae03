import Yams

/// One YAML file as assignments of text to keys: syntax, names and structure are checked here, values are not.
struct ConfigurationDocument {
    /// One key with the text that the file gives it.
    struct Assignment {
        let key: ConfigurationKey
        let text: String
        let origin: ConfigurationOrigin
    }

    /// A place in the file, counted from 1.
    private struct Place {
        let line: Int
        let column: Int

        init(line: Int, column: Int) {
            self.line = line
            self.column = column
        }

        init(_ mark: Mark) { self.init(line: mark.line, column: mark.column) }

        init?(_ mark: Mark?) {
            guard let mark else { return nil }
            self.init(mark)
        }
    }

    private let path: String
    private let schema: ConfigurationSchema
    private var assignments: [Assignment] = []
    private var errors: ConfigurationErrors
    /// The line of each key that was assigned: one may be written nested and another time with dots.
    private var lines: [String: Int] = [:]

    /// What a file says, with everything that is wrong with it added to `errors`. `text` is what ``ConfigurationFileReader``
    /// returns.
    static func assignments(
        in text: [UInt8],
        path: String,
        schema: ConfigurationSchema,
        errors: inout ConfigurationErrors
    ) -> [Assignment] {
        var document = ConfigurationDocument(path: path, schema: schema, errors: errors)
        document.read(text)
        errors = document.errors
        return document.assignments
    }

    private init(path: String, schema: ConfigurationSchema, errors: ConfigurationErrors) {
        self.path = path
        self.schema = schema
        self.errors = errors
    }

    private mutating func read(_ text: [UInt8]) {
        do throws(PlainYAML.Violation) {
            try PlainYAML.check(text)
        } catch {
            return fail(Place(line: error.line, column: error.column), error.message, remedy: error.remedy)
        }
        let yaml = String(decoding: text, as: UTF8.self)
        do {
            // No resolver: types are the schema's business, and YAML's guesses (`no` is false, `1:30` is 90) are not wanted.
            // The parser owns the anchors, and has to live as long as the nodes are asked for theirs.
            let parser = try Parser(yaml: yaml, resolver: .basic, encoding: .utf8)
            defer { withExtendedLifetime(parser) {} }
            guard let root = try parser.singleRoot(), !Self.isEmpty(root) else { return }
            guard case .mapping(let mapping) = root else {
                return fail(
                    Place(root.mark),
                    "the file holds no keys but a single value or a list",
                    remedy: "write key: value"
                )
            }
            walk(mapping, in: "")
        } catch let error as YamlError {
            add(error, in: yaml)
        } catch {
            fail(nil, "cannot be parsed: \(error)", remedy: "check the file")
        }
    }

    private mutating func walk(_ mapping: Node.Mapping, in section: String) {
        for (name, value) in mapping {
            guard let written = name.scalar?.string, value.anchor == nil, name.anchor == nil else {
                fail(Place(name.mark), "a key that is no plain name", remedy: "write key: value")
                continue
            }
            let keyPath = section.isEmpty ? written : "\(section).\(written)"
            if let key = schema.key(keyPath) {
                assign(key, value, writtenAt: Place(name.mark))
            } else if schema.isSection(keyPath) {
                enter(keyPath, value)
            } else {
                unknown(keyPath, at: Place(name.mark))
            }
        }
    }

    private mutating func enter(_ section: String, _ value: Node) {
        if case .mapping(let mapping) = value { return walk(mapping, in: section) }
        guard !Self.isEmpty(value) else { return }
        let what = value.scalar == nil ? "a list" : "a single value"
        fail(
            Place(value.mark),
            key: section,
            "is \(what) where keys are expected",
            remedy: "write its keys below it, indented"
        )
    }

    private mutating func assign(_ key: ConfigurationKey, _ value: Node, writtenAt place: Place?) {
        if let line = lines[key.path] {
            return fail(place, key: key.path, "is written twice, first on line \(line)", remedy: "remove one")
        }
        lines[key.path] = place?.line ?? 0
        if case .list = key.type, let list = value.sequence { return assign(key, list, writtenAt: place) }
        guard let scalar = value.scalar else {
            let what = value.sequence == nil ? "keys" : "a list"
            return fail(
                Place(value.mark),
                key: key.path,
                "is \(what) where a single value is expected",
                remedy: "give \(key.expectation)"
            )
        }
        let start = Place(scalar.mark) ?? place
        let origin = ConfigurationOrigin.file(path: path, line: start?.line ?? 0, column: start?.column ?? 0)
        assignments.append(Assignment(key: key, text: Self.isEmpty(value) ? "" : scalar.string, origin: origin))
    }

    private mutating func assign(_ key: ConfigurationKey, _ list: Node.Sequence, writtenAt place: Place?) {
        let start = Place(list.mark) ?? place
        var text = ""
        for item in list {
            guard let scalar = item.scalar, item.anchor == nil, !Self.isEmpty(item),
                !scalar.string.contains(ConfigurationType.itemEnd)
            else {
                return fail(
                    Place(item.mark) ?? start,
                    key: key.path,
                    "has an item that is no single value on one line",
                    remedy: "give \(key.expectation)"
                )
            }
            text += scalar.string + ConfigurationType.itemEnd
        }
        let origin = ConfigurationOrigin.file(path: path, line: start?.line ?? 0, column: start?.column ?? 0)
        assignments.append(Assignment(key: key, text: text.isEmpty ? "[]" : text, origin: origin))
    }

    private mutating func unknown(_ keyPath: String, at place: Place?) {
        let schema = schema
        fail(
            place,
            key: keyPath,
            "is not a key",
            remedy: schema.nearest(to: keyPath).map { "did you mean \($0)?" } ?? "`tapio config default` lists the keys"
        )
    }

    /// Nothing, `~` or `null`, unless in quotes.
    private static func isEmpty(_ node: Node) -> Bool {
        guard let scalar = node.scalar, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null"].contains(scalar.string)
    }

    private mutating func fail(
        _ place: Place?,
        key: String? = nil,
        _ message: String,
        remedy: @autoclosure () -> String
    ) {
        let path = path
        errors.add(
            ConfigurationError(
                .file(path: path, line: place?.line ?? 0, column: place?.column ?? 0),
                key: key,
                message,
                remedy: remedy()
            )
        )
    }
}

extension ConfigurationDocument {
    /// The parser's complaint in our form: it stops at its first one.
    private mutating func add(_ error: YamlError, in yaml: String) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
            let about = context.map { " \($0.text)" } ?? ""
            fail(Place(mark), "is not YAML: \(problem)\(about)", remedy: "check indentation, colons and quotes")
        case .composer(let context, let problem, let mark, _):
            fail(Place(mark), "\(context.map { "\($0.text), " } ?? "")\(problem)", remedy: "write one plain document")
        case .duplicatedKeysInMapping(let duplicates, let context):
            let name = duplicates.first ?? ""
            let second = Self.repetition(of: name, after: context.mark, in: yaml)
            fail(
                second ?? Place(context.mark),
                key: name,
                "is written twice, first on line \(context.mark.line)",
                remedy: "remove one"
            )
        default:
            fail(nil, "is not YAML", remedy: "check indentation, colons and quotes")
        }
    }

    /// Where a block mapping has the key of `first` again: the parser tells the first place only.
    private static func repetition(of name: String, after first: Mark, in yaml: String) -> Place? {
        let lines = yaml.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated().dropFirst(first.line) {
            let indentation = line.prefix { $0 == " " }.count
            let content = line.dropFirst(indentation)
            if content.isEmpty || content.hasPrefix("#") { continue }
            if indentation < first.column - 1 { return nil }
            if indentation == first.column - 1, content.hasPrefix("\(name):") {
                return Place(line: index + 1, column: first.column)
            }
        }
        return nil
    }
}

extension ConfigurationDocument {
    /// The items of a list in brackets, `[a, "b c"]`; nil where it is none, or has other items than single values.
    static func list(in text: String) -> [String]? {
        do {
            try PlainYAML.check(Array(text.utf8))
            let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            defer { withExtendedLifetime(parser) {} }
            guard let list = try parser.singleRoot()?.sequence else { return nil }
            let items = list.compactMap { $0.anchor == nil ? $0.scalar?.string : nil }
            return items.count == list.count ? items : nil
        } catch {
            return nil
        }
    }

    /// The first anchor, alias or tag that the parser itself finds in a text, for the test that holds ``PlainYAML`` to it.
    /// Not for text that ``PlainYAML`` refuses: it may expand without end.
    static func dangerousConstruct(in text: String) -> String? {
        do {
            let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            defer { withExtendedLifetime(parser) {} }
            return try parser.singleRoot().flatMap(dangerousConstruct)
        } catch YamlError.composer(_, let problem, _, _) where problem.contains("alias") {
            return problem
        } catch {
            return nil
        }
    }

    private static func dangerousConstruct(in node: Node) -> String? {
        if let anchor = node.anchor { return "anchor \(anchor.rawValue)" }
        return switch node {
        case .alias: "alias"
        case .scalar: nil
        case .sequence(let items): items.lazy.compactMap(dangerousConstruct).first
        case .mapping(let pairs):
            pairs.lazy.compactMap { dangerousConstruct(in: $0) ?? dangerousConstruct(in: $1) }.first
        }
    }
}
