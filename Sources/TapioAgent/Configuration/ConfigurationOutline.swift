/// The schema as the tree that a YAML file is: sections in the order of their first key.
struct ConfigurationOutline {
    /// A section or a key.
    enum Item {
        case section(name: String, path: String, items: [Item])
        case key(name: String, ConfigurationKey)
    }

    /// The items of the top level.
    let items: [Item]

    /// Keys that `includes` accepts, and every top-level section, with or without keys.
    init(_ schema: ConfigurationSchema, includes: (ConfigurationKey) -> Bool) {
        var paths = schema.keys.filter { !$0.isOneOfMany && !$0.path.hasPrefix("collectors.") }
        paths += schema.keys.filter { $0.isOneOfMany }
        paths += schema.keys.filter { $0.path.hasPrefix("collectors.") }
        var items: [Item] = []
        for key in paths where includes(key) {
            Self.insert(key, Self.parts(of: key, in: schema), at: "", into: &items)
        }
        for name in ["sampling", "sampling_mode", "collectors"] where !items.contains(where: { $0.name == name }) {
            items.append(.section(name: name, path: name, items: []))
        }
        self.items = items
    }

    /// The names on the way to a key. A kind's name may hold dots; what no section has stays one name.
    private static func parts(of key: ConfigurationKey, in schema: ConfigurationSchema) -> [String] {
        var sections: [String] = []
        var rest = key.path[...]
        while let dot = rest.firstIndex(of: ".") {
            let section = key.path[..<dot]
            guard schema.isSection(String(section)) else { break }
            sections.append(String(rest[..<dot]))
            rest = rest[rest.index(after: dot)...]
        }
        return sections + [String(rest)]
    }

    private static func insert(_ key: ConfigurationKey, _ parts: [String], at parent: String, into items: inout [Item])
    {
        guard parts.count > 1, let name = parts.first else {
            return items.append(.key(name: parts[0], key))
        }
        let path = parent.isEmpty ? name : "\(parent).\(name)"
        var children: [Item] = []
        let position = items.firstIndex { $0.name == name }
        if let position, case .section(_, _, let existing) = items[position] { children = existing }
        insert(key, Array(parts.dropFirst()), at: path, into: &children)
        let section = Item.section(name: name, path: path, items: children)
        if let position { items[position] = section } else { items.append(section) }
    }
}

extension ConfigurationOutline.Item {
    var name: String {
        switch self {
        case .section(let name, _, _), .key(let name, _): name
        }
    }
}
