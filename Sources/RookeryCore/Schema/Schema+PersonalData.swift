extension Schema {
    /// Whether a member, at any depth, is marked as personal data.
    package var hasPersonalData: Bool {
        var seen: Set<String> = []
        return hasPersonalData(&seen)
    }

    /// `seen` has the names of the messages on the way: a message may contain itself.
    private func hasPersonalData(_ seen: inout Set<String>) -> Bool {
        func anyMember(_ message: ObjectSchema, _ seen: inout Set<String>) -> Bool {
            message.fields.contains { $0.personalData != nil || $0.schema.hasPersonalData(&seen) }
        }
        switch kind {
        case .object(let message): return seen.insert(message.name).inserted && anyMember(message, &seen)
        case .union(let union):
            guard seen.insert(union.name).inserted else { return false }
            for message in union.cases where anyMember(message, &seen) { return true }
            return false
        case .array(let element), .dictionary(let element), .optional(let element):
            return element.hasPersonalData(&seen)
        case .any, .boolean, .integer, .number, .string, .enumeration: return false
        }
    }
}
