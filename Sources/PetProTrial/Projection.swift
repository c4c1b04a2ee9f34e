/// How a table that only events fill compares with what they tell of.
struct Projection {
    /// The name in the verdict.
    let name: String
    /// How many rows were compared.
    let rows: Int
    /// How many of them are missing, are too many, or say something else.
    let differing: Int
}
