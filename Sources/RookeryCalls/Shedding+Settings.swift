package import RookeryPolicies

extension Shedding {
    /// The first setting that cannot work, or nil.
    package var problem: InvalidSetting? {
        if minimum < 1 || initial < minimum || maximum < initial {
            return InvalidSetting("shedding", "such that 1 <= minimum <= initial <= maximum")
        }
        if waiting < 0 { return InvalidSetting("shedding.waiting", "at least 0, not \(waiting)") }
        for (key, value) in [("window", window), ("patience", patience)] where value <= .zero {
            return InvalidSetting("shedding.\(key)", "longer than 0")
        }
        return nil
    }
}

extension ConfigSetting {
    /// The settings of an adaptive limit, under `shedding`.
    package static func shedding(
        _ path: WritableKeyPath<Root, Shedding>
    ) -> [ConfigSetting] {
        [
            .choice("shedding.mode", path.appending(path: \.mode)),
            .integer("shedding.initial", path.appending(path: \.initial)),
            .integer("shedding.minimum", path.appending(path: \.minimum)),
            .integer("shedding.maximum", path.appending(path: \.maximum)),
            .duration("shedding.window", path.appending(path: \.window)),
            .real("shedding.tolerance", path.appending(path: \.tolerance)),
            .duration("shedding.memory", path.appending(path: \.memory)),
            .duration("shedding.floor", path.appending(path: \.floor)),
            .integer("shedding.waiting", path.appending(path: \.waiting)),
            .duration("shedding.patience", path.appending(path: \.patience)),
        ]
    }
}
