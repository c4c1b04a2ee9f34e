// Types that macro-generated code uses must be public. The underscore marks them as unsupported API. This package uses
// the names without the underscore.

/// See ``_ValueWriter``.
@usableFromInline package typealias ValueWriter = _ValueWriter
/// See ``_ValueReader``.
@usableFromInline package typealias ValueReader = _ValueReader
/// See ``_ValueFormat``.
@usableFromInline package typealias ValueFormat = _ValueFormat
/// See ``_ValueKind``.
@usableFromInline package typealias ValueKind = _ValueKind
/// See ``_ValueNumber``.
@usableFromInline package typealias ValueNumber = _ValueNumber
/// See ``_MemberName``.
@usableFromInline package typealias MemberName = _MemberName
/// See ``_Members``.
@usableFromInline package typealias Members = _Members
