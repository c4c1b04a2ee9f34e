package import RookeryCore

extension SerializerChoice {
    /// What is wrong with the choice: a preferred serializer that there is not. Nil if nothing is.
    package var problem: InvalidSetting? {
        let names = names
        for (key, name) in [("serializers.preferred", preferred)]
            + byPattern.map({ ("serializers.byPattern", $0.value) })
        where !names.contains(name) {
            return InvalidSetting(key, "one of \(names.sorted().joined(separator: ", ")), not \(name)")
        }
        return nil
    }
}
