/// Suggests a known name for a misspelled one.
public enum Spelling {
    /// Returns the known name with the smallest edit distance to `name`.
    ///
    /// Returns nil if every distance exceeds both 3 and a third of the name's length in bytes.
    public static func nearest(_ name: String, in known: some Sequence<String>) -> String? {
        let best = known.map { (name: $0, distance: distance(name, $0)) }.min {
            ($0.distance, $0.name) < ($1.distance, $1.name)
        }
        guard let best, best.distance <= max(3, name.utf8.count / 3) else { return nil }
        return best.name
    }

    /// Returns the Levenshtein distance: the number of bytes to insert, delete or replace.
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (at, byte) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = at + 1
            for column in right.indices {
                let replaced = diagonal + (byte == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[right.count]
    }
}
