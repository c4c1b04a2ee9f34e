extension String {
    /// The text, cut to at most `count` bytes after a whole Unicode scalar. Texts of peers are not cut by characters, because one may have
    /// megabytes of combining marks.
    package func cut(toBytes count: Int) -> String {
        if utf8.count <= count { return self }
        var end = utf8.index(startIndex, offsetBy: count)
        while end > startIndex, UTF8.isContinuation(utf8[end]) { end = utf8.index(before: end) }
        return String(unicodeScalars[..<end])
    }
}
