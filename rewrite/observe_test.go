package rewrite

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// What holds the mutex of an observed program. MU is the mutex, HOLD something that holds it
// and keeps its name.
var owners = []struct{ name, mu, hold, text string }{
	{"variable", "mu", "&struct{ n int }{1}", `var mu = concurrency.NewMutex(nil, "/a")`},
	{"field", "s.mu", "s", `type svc struct{ mu *concurrency.Mutex }
var s = &svc{mu: concurrency.NewMutex(nil, "/a")}`},
	{"exported", "s.Mu", "s", `type svc struct{ N int; Mu *concurrency.Mutex }
var s = &svc{Mu: concurrency.NewMutex(nil, "/a")}`},
	{"embedded", "s.Mutex", "s", `type svc struct{ *concurrency.Mutex }
var s = &svc{concurrency.NewMutex(nil, "/a")}`},
	{"deep", "s.in[0].mu", "s", `type inner struct{ mu *concurrency.Mutex }
type svc struct{ in []*inner }
var s = &svc{in: []*inner{{mu: concurrency.NewMutex(nil, "/a")}}}`},
	{"generic", "s.V", "s", `type box[T any] struct{ V T }
func (b *box[T]) Get() T { return b.V }
type svc struct{ *box[*concurrency.Mutex] }
var s = &svc{&box[*concurrency.Mutex]{concurrency.NewMutex(nil, "/a")}}`},
	{"map", "s.byName[\"a\"]", "s", `type svc struct{ byName map[string]*concurrency.Mutex }
var s = &svc{map[string]*concurrency.Mutex{"a": concurrency.NewMutex(nil, "/a")}}`},
	{"method", "s.Get()", "s", `type svc struct{ mu *concurrency.Mutex }
func (s *svc) Get() *concurrency.Mutex { return s.mu }
var s = &svc{mu: concurrency.NewMutex(nil, "/a")}`},
	{"alias", "s.mu", "s", `type lock = *concurrency.Mutex
type svc struct{ mu lock }
var s = &svc{mu: concurrency.NewMutex(nil, "/a")}`},
	{"function", "s.get()", "s", `type svc struct{ get func() *concurrency.Mutex }
var s = &svc{get: func() *concurrency.Mutex { return concurrency.NewMutex(nil, "/a") }}`},
}

// What looks at it. decl stands beside the function, do in it; ok and text are what it may set.
var observations = []struct{ name, decl, do string }{
	{"nothing", "", ""},
	{"assert", "", `var v any = MU; _, ok = v.(*concurrency.Mutex)`},
	{"switch", "", `switch any(MU).(type) { case *concurrency.Mutex: text = "mutex"; default: text = "other" }`},
	{"assert-parameter", `func get[T any](v any) (t T, ok bool) { t, ok = v.(T); return }`, `_, ok = get[*concurrency.Mutex](MU)`},
	{"assert-parameter-slice", `func get[T any](v any) bool { _, ok := v.([]T); return ok }`, `ok = get[*concurrency.Mutex]([]*concurrency.Mutex{MU})`},
	{"switch-parameter", `func is[T any](v any) string { switch v.(type) { case T: return "T" }; return "other" }`, `text = is[*concurrency.Mutex](MU)`},
	{"put-get", `var reg sync.Map
func put[T any](k string, v T) { reg.Store(k, v) }
func get[T any](k string) bool { v, _ := reg.Load(k); _, ok := v.(T); return ok }`, `put("a", MU); ok = get[*concurrency.Mutex]("a")`},
	{"inner-parameter", `func in[T any](v any) bool { return has[T](v) }
func has[U any](v any) bool { _, ok := v.(U); return ok }`, `ok = in[*concurrency.Mutex](MU)`},
	{"type-name", "", `text = fmt.Sprintf("%T", MU)`},
	{"type-name-parameter", `func name[T any]() string { var t T; return fmt.Sprintf("%T", t) }`, `text = name[*concurrency.Mutex]()`},
	{"type-of", "", `text = reflect.TypeOf(MU).String()`},
	{"type-for", "", `text = reflect.TypeFor[*concurrency.Mutex]().String()`},
	{"type-of-field", "", `text = fields(reflect.TypeOf(HOLD))`},
	{"type-of-field-kept", "var kept any", `kept = HOLD; text = fields(reflect.TypeOf(kept))`},
	{"type-of-field-function", "var of = reflect.TypeOf", `text = fields(of(HOLD))`},
	{"type-of-field-parameter", `func of[T any](v T) string { return fields(reflect.TypeOf(v)) }`, `text = of(HOLD)`},
	{"json", "", `b, err := json.Marshal(HOLD); text = fmt.Sprint(string(b), err)`},
	{"json-kept", `func encode(v any) string { b, err := json.Marshal(v); return fmt.Sprint(string(b), err) }`, `text = encode(HOLD)`},
	{"json-interface", `type encoder interface{ Encode(v any) error }`, `var b strings.Builder; var e encoder = json.NewEncoder(&b); err := e.Encode(HOLD); text = fmt.Sprint(b.String(), err)`},
	{"go-syntax", "", `text = fmt.Sprintf("%#v", HOLD)`},
	{"go-syntax-format", `func format(s string, v ...any) string { return fmt.Sprintf(s, v...) }`, `text = format("%#v", HOLD)`},
	{"bad-verb", "", `text = fmt.Sprintf("%s", HOLD)`},
	{"verbs", "", `text = fmt.Sprintf("%s: %d%% %v %p", "x", 1, HOLD, HOLD)`},
	{"verbs-counted", "", `text = fmt.Sprintf("%[2]s: %[1]v %[1]p %[3]*[2]s %[1]T %-40[1]v %+[1]v %6.2[4]f", HOLD, "x", 4, 1.0)`},
	{"verbs-counted-syntax", "", `text = fmt.Sprintf("%[2]s %#[1]v", HOLD, "x")`},
	{"verbs-as-width", "", `text = fmt.Sprintf("%*d", HOLD, 1)`},
	{"verbs-spread", "", `args := []any{1, HOLD}; text = fmt.Sprintf("%v %#v", args...)`},
	{"verbs-extra", "", `text = fmt.Sprintf("%[1]s", "x", HOLD)`},
	{"context-string", `type key struct{}`, `text = fmt.Sprint(context.WithValue(context.Background(), key{}, MU))`},
	{"element-syntax", `var all list.List`, `all.PushBack(MU); text = fmt.Sprintf("%#v", all.Front())`},
	{"published", "", `text = expvar.Func(func() any { return HOLD }).String()`},
	{"encoded-map", "", `b, err := json.Marshal(map[string]any{"s": HOLD}); text = fmt.Sprint(string(b), err)`},
	{"encoded-foreign-map", "", `m := template.FuncMap{}; m["s"] = HOLD; b, err := json.Marshal(m); text = fmt.Sprint(string(b), err)`},
	{"syntax-foreign-map", "", `m := template.FuncMap{}; m["s"] = MU; text = fmt.Sprintf("%#v", m)`},
	{"encoded-cell", `type cell[T any] struct{ V T }
func pack[T any](v T) *cell[T] { return &cell[T]{v} }`, `text = fmt.Sprintf("%#v", pack(HOLD).V)`},
	{"plus-v", "", `text = fmt.Sprintf("%+v", HOLD)`},
	{"print-mutex", "", `text = fmt.Sprintf("%+v", MU)`},
	{"print-kept", `func show(v ...any) string { return fmt.Sprint(v...) }`, `text = show(MU)`},
	{"interface", `type getter interface{ Get() *concurrency.Mutex }
func isGetter(v any) bool { _, ok := v.(getter); return ok }`, `ok = isGetter(HOLD)`},
	{"interface-literal", `func isGetter(v any) bool { _, ok := v.(interface{ Get() *concurrency.Mutex }); return ok }`, `ok = isGetter(HOLD)`},
	{"interface-generic", `type getter[T any] interface{ Get() T }
func isGetter(v any) bool { _, ok := v.(getter[*concurrency.Mutex]); return ok }`, `ok = isGetter(HOLD)`},
	{"interface-generic-parameter", `type getter[T any] interface{ Get() T }
func isGetter[T any](v any) bool { _, ok := v.(getter[T]); return ok }`, `ok = isGetter[*concurrency.Mutex](HOLD)`},
	{"interface-literal-parameter", `func isGetter[T any](v any) bool { _, ok := v.(interface{ Get() T }); return ok }`, `ok = isGetter[*concurrency.Mutex](HOLD)`},
	{"interface-embedded", `type gets[T any] interface{ Get() T }
type getter interface{ gets[*concurrency.Mutex]; fmt.Stringer }
type named struct{ g gets[*concurrency.Mutex] }
func (named) String() string { return "" }
func isGetter(v any) bool { _, ok := v.(getter); return ok }
type both struct{ getterOf; named }
type getterOf struct{ m *concurrency.Mutex }
func (g getterOf) Get() *concurrency.Mutex { return g.m }`, `ok = isGetter(both{getterOf: getterOf{MU}})`},
	{"locker", `type locker interface{ TryLock(context.Context) error }
func isLocker(v any) bool { _, ok := v.(locker); return ok }`, `ok = isLocker(MU)`},
	{"locker-printed", `type locker interface{ TryLock(context.Context) error }
var l locker`, `l = MU; text = fmt.Sprintf("%T", l)`},
	{"locker-raised", `type locker interface{ TryLock(context.Context) error }
var l locker
func show(v any) string { return fmt.Sprintf("%T", v) }`, `l = MU; text = show(l)`},
	{"key", `var held = map[*concurrency.Mutex]bool{}`, `m := MU; held[m] = true; ok = held[m]; delete(held, m)`},
	{"key-any", `var held = map[any]bool{}
func isHeld(v any) bool { _, ok := v.(*concurrency.Mutex); return ok }`, `held[MU] = true; for k := range held { ok = isHeld(k) }`},
	{"key-any-typed", `var held = map[any]bool{}`, `held[MU] = true; for k := range held { text = fmt.Sprintf("%T", k) }`},
	{"key-kept", `var held sync.Map`, `m := MU; held.Store(m, "a"); v, found := held.Load(m); held.Delete(m); _, left := held.LoadAndDelete(m); s, _ := v.(string); ok = found && !left; text = s`},
	{"key-of-context", "", `m := MU; text, _ = context.WithValue(context.Background(), m, "a").Value(m).(string)`},
	{"compare", "", `var v any = MU; ok = v == any(concurrency.NewMutex(nil, "/b"))`},
	{"convert", `type one struct{ m *concurrency.Mutex }
type two struct{ m *concurrency.Mutex }`, `t := two(one{MU}); ok = t.m.Key() == ""`},
	{"convert-pointer", `type one struct{ m *concurrency.Mutex }
type two struct{ m *concurrency.Mutex }
func isTwo(v any) bool { _, ok := v.(*two); return ok }`, `ok = isTwo((*two)(&one{MU}))`},
	{"array", "", `t := [1]*concurrency.Mutex([]*concurrency.Mutex{MU}); ok = t[0] != nil`},
	{"array-pointer", "", `t := (*[1]*concurrency.Mutex)([]*concurrency.Mutex{MU}); ok = t[0] != nil`},
	{"core", `func first[S ~[]*concurrency.Mutex](s S) *concurrency.Mutex { return s[0] }`, `ok = first([]*concurrency.Mutex{MU}) != nil`},
	{"union", `type lockers interface{ *concurrency.Mutex }
func same[L lockers](a, b L) bool { return a == b }`, `m := MU; ok = same(m, m)`},
	{"written", `func id[T any](v T) T { return v }`, `ok = id[*concurrency.Mutex](MU) != nil`},
	{"written-value", `func id[T any](v T) T { return v }`, `f := id[*concurrency.Mutex]; ok = f(MU) != nil`},
	{"written-slice", "", `ok = slices.Contains[[]*concurrency.Mutex]([]*concurrency.Mutex{}, MU)`},
	{"errors-as", `type lost struct{ m *concurrency.Mutex }
func (*lost) Error() string { return "lost" }`, `var err error = &lost{MU}; var l *lost; ok = errors.As(fmt.Errorf("x: %w", err), &l)`},
	{"recover", "", `func() { defer func() { _, ok = recover().(*concurrency.Mutex) }(); panic(MU) }()`},
	{"context", `type key struct{}`, `ctx := context.WithValue(context.Background(), key{}, MU); _, ok = ctx.Value(key{}).(*concurrency.Mutex)`},
	{"context-printed", `type key struct{}`, `ctx := context.WithValue(context.Background(), key{}, MU); text = fmt.Sprintf("%T", ctx.Value(key{}))`},
	{"list", `var all list.List`, `all.PushBack(MU); _, ok = all.Front().Value.(*concurrency.Mutex)`},
	{"pool", `var pool = sync.Pool{New: func() any { return concurrency.NewMutex(nil, "/p") }}`, `pool.Put(MU); _, ok = pool.Get().(*concurrency.Mutex)`},
	{"instance-name", `type cellOf[T any] struct{ v T }
func (c *cellOf[T]) name() string { return fmt.Sprintf("%T", c) }`, `text = (&cellOf[*concurrency.Mutex]{MU}).name()`},
	{"instance-name-kept", `type cellOf[T any] struct{ v T }
func nameOf[T any](c *cellOf[T]) string { var v any = c; return typeOf(v) }
func typeOf(v any) string { return fmt.Sprintf("%T", v) }`, `text = nameOf(&cellOf[*concurrency.Mutex]{MU})`},
	{"instance-fails", `type cellOf[T any] struct{ v T }
func boxOf[T any](c *cellOf[T]) any { return c }`, `defer func() { text = fmt.Sprint(recover()) }(); text = boxOf(&cellOf[*concurrency.Mutex]{MU}).(string)`},
	{"instance-printed", `type cellOf[T any] struct{ v T }
func (c *cellOf[T]) String() string { return "cell" }
func show[T any](c *cellOf[T]) string { return fmt.Sprintf("%v %s", c, c) }`, `text = show(&cellOf[*concurrency.Mutex]{MU})`},
	{"fails", "", `defer func() { text = fmt.Sprint(recover()) }(); var v any = MU; ok = v.(string) == ""`},
	{"fails-kept", `func name(v any) string { return v.(fmt.Stringer).String() }`, `defer func() { text = fmt.Sprint(recover()) }(); text = name(MU)`},
	{"fails-locker", `type locker interface{ TryLock(context.Context) error }
type fake struct{ locker }`, `defer func() { text = fmt.Sprint(recover()) }(); var l locker = MU; ok = l.(*fake) != nil`},
	{"fails-parameter", `func get[T any](v any) T { return v.(T) }`, `defer func() { text = fmt.Sprint(recover()) }(); text = get[string](MU)`},
	{"fails-asked", "", `defer func() { text = fmt.Sprint(recover()) }(); var v any = "x"; m := MU; v = m; v = 1; ok = v.(*concurrency.Mutex) == m`},
	{"fails-string", `type named struct{ v any }
func (n named) String() string { return n.v.(string) }`, `text = fmt.Sprint(named{MU})`},
	{"holds", `type locker interface{ TryLock(context.Context) error }`, `var v any = MU; ok = v.(locker) != nil`},
	{"holds-asked", "", `var v any = MU; ok = v.(*concurrency.Mutex) != nil`},
	{"equal", "", `ok = reflect.DeepEqual(HOLD, HOLD)`},
	{"template", "", `var b strings.Builder; err := template.Must(template.New("t").Parse("{{printf \"%#v\" .}}")).Execute(&b, HOLD); text = fmt.Sprint(b.String(), err)`},
	{"unsafe", `type view struct{ p *int }`, `s := HOLD; v := (*view)(unsafe.Pointer(s)); ok = v != nil`},
	{"channel", "", `c := make(chan any, 1); c <- MU; _, ok = (<-c).(*concurrency.Mutex)`},
	{"method-value", "", `try := MU.Key; ok = try() == ""`},
	{"function-type", `func isFunc(v any) bool { _, ok := v.(func() *concurrency.Mutex); return ok }`, `ok = isFunc(func() *concurrency.Mutex { return MU })`},
	{"string-name", "", `text = strings.TrimPrefix(fmt.Sprintf("%T", any(MU)), "*concurrency.Mutex")`},
	{"list-name", `type locks []*concurrency.Mutex`, `text = fmt.Sprintf("%#v", locks{MU})`},
	{"list-name-type", `type locks map[string]*concurrency.Mutex`, `text = reflect.TypeOf(locks{"a": MU}).Elem().String()`},
	{"list-name-printed", `type locks []*concurrency.Mutex`, `text = fmt.Sprint(locks{MU})`},
	{"function-name-type", `type maker func() *concurrency.Mutex`, `text = reflect.TypeOf(maker(func() *concurrency.Mutex { return MU })).Out(0).String()`},
	{"type-of-parameter", `type holder struct{ m *concurrency.Mutex }
func take(*holder) {}`, `h := &holder{MU}; take(h); text = fields(reflect.TypeOf(take).In(0))`},
	{"type-of-interface", `type getter interface{ Get() *concurrency.Mutex }`, `m := MU; ok = m != nil; text = reflect.TypeOf((*getter)(nil)).Elem().Method(0).Type.String()`},
	{"type-of-interface-held", `type holder struct{ m *concurrency.Mutex }
type getter interface{ Get() *holder }`, `h := &holder{MU}; ok = h.m != nil; text = fields(reflect.TypeOf((*getter)(nil)).Elem().Method(0).Type.Out(0))`},
	{"type-of-method", `type holder struct{ m *concurrency.Mutex }
type server struct{}
func (server) Take(*holder) {}`, `h := &holder{MU}; server{}.Take(h); text = fields(reflect.TypeOf(server{}).Method(0).Type.In(1))`},
	{"template-function", `type holder struct{ m *concurrency.Mutex }`, `h := &holder{MU}; var b strings.Builder; t := template.Must(template.New("t").Funcs(template.FuncMap{"h": func() *holder { return h }}).Parse("{{printf \"%#v\" h}}")); err := t.Execute(&b, nil); text = fmt.Sprint(b.String(), err)`},
	{"template-method", `type holder struct{ m *concurrency.Mutex }
var held *holder
type page struct{}
func (page) Held() *holder { return held }`, `held = &holder{MU}; var b strings.Builder; err := template.Must(template.New("t").Parse("{{printf \"%#v\" .Held}}")).Execute(&b, page{}); text = fmt.Sprint(b.String(), err)`},
	{"template-method-kept", `var kept any
type page struct{}
func (p page) Held() any { return kept }`, `kept = MU; var b strings.Builder; err := template.Must(template.New("t").Parse("{{printf \"%T\" .Held}}")).Execute(&b, page{}); text = fmt.Sprint(b.String(), err)`},
	{"context-held", `type key struct{}
type job struct{ ctx context.Context }`, `j := job{context.WithValue(context.Background(), key{}, MU)}; k := job{context.WithValue(context.Background(), key{}, concurrency.NewMutex(nil, "/a"))}; ok = reflect.DeepEqual(j, k); text = reflect.ValueOf(j.ctx).Elem().Field(2).Elem().Type().String()`},
	{"context-value-instance", `type key struct{}
type cellOf[T any] struct{ v T }`, `text = fmt.Sprint(context.WithValue(context.Background(), key{}, cellOf[*concurrency.Mutex]{MU}))`},
	{"context-key-parameter", `type keyOf[T any] struct{}
func with[T any](ctx context.Context, v T) context.Context { return context.WithValue(ctx, keyOf[T]{}, v) }`, `text = fmt.Sprint(with(context.Background(), MU))`},
	{"instance-alias", `type cellOf[T any] struct{ v T }
type cell = cellOf[*concurrency.Mutex]`, `text = fmt.Sprintf("%T", cell{MU})`},
	{"panics-held", "", `defer func() { text = fmt.Sprintf("%#v", recover()) }(); panic(HOLD)`},
	{"panics-elsewhere", `var kept any
func fail(v any) { panic(v) }`, `defer func() { r := recover(); text = fmt.Sprintf("%v %T", r, r) }(); kept = MU; fail("x")`},
	{"panics-kept", `var kept any
func fail(v any) { panic(v) }`, `defer func() { r := recover(); text = fmt.Sprintf("%T", r) }(); kept = MU; fail(kept)`},
	{"comma-ok-map", `func named[T any](v T) map[string]T { return map[string]T{"a": v} }`, `var v any; v, ok = named(HOLD)["a"]; text = fmt.Sprintf("%#v", v)`},
	{"comma-ok-receive", `func sent[T any](v T) chan T { c := make(chan T, 1); c <- v; return c }`, `var v any; select { case v, ok = <-sent(HOLD): }; text = fmt.Sprintf("%#v", v)`},
	{"comma-ok-assert", `func kept[T any](v any, _ T) (out any) { out, _ = v.(T); return }`, `text = fmt.Sprintf("%#v", kept(HOLD, HOLD))`},
	{"nil-compared", `type locker interface{ TryLock(context.Context) error }
func none(l locker) bool { return l == locker((*concurrency.Mutex)(nil)) }`, `m := MU; m = nil; ok = none(m)`},
	{"nil-mixed", `type locker interface{ TryLock(context.Context) error }
func none(l locker) bool { var m *concurrency.Mutex; return l == m }`, `m := MU; m = nil; ok = none(m)`},
	{"nil-switched", `type locker interface{ TryLock(context.Context) error }
func none(l locker) bool { switch l { case (*concurrency.Mutex)(nil): return true }; return false }`, `m := MU; m = nil; ok = none(m)`},
	{"nil-key", `type locker interface{ TryLock(context.Context) error }`, `var none *concurrency.Mutex; all := map[locker]string{none: "none"}; m := MU; m = nil; text = all[m]`},
	{"nil-field", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l locker }`, `var none *concurrency.Mutex; m := MU; m = nil; ok = holds{m} == holds{none}`},
	{"nil-comparable", `type locker interface{ TryLock(context.Context) error }
func same[T comparable](a, b T) bool { return a == b }`, `var none *concurrency.Mutex; m := MU; m = nil; ok = same[locker](m, none)`},
	{"nil-raised", `type locker interface{ TryLock(context.Context) error }
func same(a, b any) bool { return a == b }`, `var none *concurrency.Mutex; m := MU; m = nil; var l, n locker = m, none; ok = same(l, n)`},
	{"nil-asked", `type locker interface{ TryLock(context.Context) error }
func none(l locker) bool { return l == nil }`, `m := MU; ok = none(m)`},
	{"context-stringer", `type key struct{}`, `text = context.WithValue(context.Background(), key{}, MU).(fmt.Stringer).String()`},
	{"context-stringer-switch", `type key struct{}
func name(v any) string { switch v := v.(type) { case interface{ String() string }: return v.String() }; return "" }`, `text = name(context.WithValue(context.Background(), key{}, MU))`},
	{"stringer", `type key struct{}
func name(v any) string { if v, ok := v.(fmt.Stringer); ok { return v.String() }; return "" }`, `ok = context.WithValue(context.Background(), key{}, MU) != nil; text = name("x")`},
	{"log-handler", `type handler struct{ slog.Handler; out *string }
func (handler) Enabled(context.Context, slog.Level) bool { return true }
func (h handler) Handle(_ context.Context, r slog.Record) error { r.Attrs(func(a slog.Attr) bool { *h.out += fmt.Sprintf("%#v", a.Value.Any()); return true }); return nil }`, `slog.New(handler{out: &text}).Info("x", "s", HOLD)`},
	{"log-replace", ``, `slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { if a.Key == "s" { text = fields(reflect.TypeOf(a.Value.Any())) }; return a }})).Info("x", "s", HOLD)`},
	{"log-json", ``, `var b strings.Builder; slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { if a.Key == "time" { return slog.Attr{} }; return a }})).Info("x", "s", HOLD); text = b.String()`},
	{"asked-by-parameter", `type locker interface{ TryLock(context.Context) error }
func asks[T any](l locker) bool { _, ok := l.(T); return ok }`, `ok = asks[interface{ Sleep(time.Duration) }](MU)`},
	{"panics-printed", `type printed struct{ v any }
func (p printed) String() string { return p.v.(*concurrency.Mutex).Key() }`, `text = fmt.Sprint(printed{MU}, printed{1})`},
	{"panics-printed-error", `type printed struct{ v any }
func (p printed) Error() string { return p.v.(*concurrency.Mutex).Key() }`, `text = fmt.Sprint(printed{MU}, printed{1})`},
	{"function-code-name", "", `text = runtime.FuncForPC(reflect.ValueOf(MU.Key).Pointer()).Name()`},
	{"log-valuer", `type valued struct{}
var kept any
func (valued) LogValue() slog.Value { return slog.AnyValue(kept) }`, `kept = HOLD; var b strings.Builder; slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(g []string, a slog.Attr) slog.Attr { if a.Key == "time" { return slog.Attr{} }; return a }})).Info("x", "s", valued{}); text = b.String()`},
	{"local-type-name", `func nameOf[T any](v T) string { type cell struct{ v T }; return fmt.Sprintf("%T", cell{v}) }`, `text = nameOf(MU)`},
	{"local-type-syntax", `func nameOf[T any](v T) string { type cell struct{ v T }; return fmt.Sprintf("%#v", cell{v}) }`, `text = nameOf(MU)`},
	{"local-type-field", `func nameOf[T any](v T) string { type cell struct{ v T }; return fields(reflect.TypeOf(cell{v})) }`, `text = nameOf(MU)`},
	{"local-type-kept", `func nameOf[T any](v T) any { type cell struct{ v T }; return cell{v} }`, `text = fmt.Sprintf("%T", nameOf(MU))`},
	{"local-type-noparam", `func nameOf[T any](v T) any { type cell struct{}; return cell{} }`, `text = fmt.Sprintf("%T", nameOf(MU))`},
	{"spelled-name", "", `m := MU; ok = m != nil; text = fmt.Sprintf("%T", (*interface{ Get() *concurrency.Mutex })(nil))`},
	{"spelled-typefor", "", `m := MU; ok = m != nil; text = reflect.TypeFor[interface{ Get() *concurrency.Mutex }]().String()`},
	{"spelled-json", "", `m := MU; ok = m != nil; _, err := json.Marshal(struct{ M map[interface{ Get() *concurrency.Mutex }]int }{}); text = err.Error()`},
	{"spelled-generic", `func nameOf[T any](T) string { return fmt.Sprintf("%T", (*interface{ Get() T })(nil)) }`, `text = nameOf(MU)`},
	{"spelled-generic-for", `func nameOf[T any](T) string { return reflect.TypeFor[interface{ Get() T }]().String() }`, `text = nameOf(MU)`},
	{"spelled-instance", `type cellOf[T any] struct{ v T }`, `m := MU; ok = m != nil; text = fmt.Sprintf("%T", cellOf[interface{ Get() *concurrency.Mutex }]{})`},
	{"spelled-fails", "", `defer func() { text = fmt.Sprint(recover()) }(); m := MU; var v any = "x"; ok = v.(interface{ Get() *concurrency.Mutex }) == nil && m != nil`},
	{"atomic-mixed", `type locker interface{ TryLock(context.Context) error }
var av atomic.Value
func put(l locker) { av.Store(l) }`, `put(MU); put(concurrency.NewMutex(nil, "/o")); ok = true`},
	{"boxed-field", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l locker }
func same(a, b any) bool { return a == b }`, `var none *concurrency.Mutex; m := MU; m = nil; ok = same(holds{m}, holds{none})`},
	{"boxed-errors-is", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l locker }
func (holds) Error() string { return "" }`, `var none *concurrency.Mutex; m := MU; m = nil; ok = errors.Is(holds{m}, holds{none})`},
	{"boxed-sync-map", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l locker }
var all sync.Map`, `var none *concurrency.Mutex; m := MU; m = nil; all.Store(holds{m}, 1); _, ok = all.Load(holds{none})`},
	{"boxed-sync-map-itself", `type locker interface{ TryLock(context.Context) error }
var all sync.Map
func put(l locker) { all.Store(l, 1) }
func has(l locker) bool { _, ok := all.Load(l); return ok }`, `var none *concurrency.Mutex; m := MU; m = nil; put(m); ok = has(none)`},
	{"boxed-context-key", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l locker }`, `var none *concurrency.Mutex; m := MU; m = nil; ctx := context.WithValue(context.Background(), holds{m}, 1); ok = ctx.Value(holds{none}) != nil`},
	{"boxed-map-any", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l locker }`, `var none *concurrency.Mutex; m := MU; m = nil; all := map[any]int{holds{m}: 1}; _, ok = all[holds{none}]`},
	{"phantom-json", `type id[T any] func()
type user struct{ I id[*concurrency.Mutex] }
func idOf[T any](T) id[T] { return func() {} }`, `_, err := json.Marshal(user{idOf(MU)}); text = err.Error()`},
	{"unhashable", `type cellOf[T any] struct{ v []T }
func boxOf[T any](v T) any { return cellOf[T]{[]T{v}} }`, `defer func() { text = fmt.Sprint(recover()) }(); _ = map[any]int{boxOf(MU): 1}`},
	{"uncomparable", `type cellOf[T any] struct{ v []T }
func boxOf[T any](v T) any { return cellOf[T]{[]T{v}} }`, `defer func() { text = fmt.Sprint(recover()) }(); a, b := boxOf(MU), boxOf(MU); ok = a == b`},
	{"json-context", `type key struct{}
type req struct{ Ctx context.Context; N int }`, `b, err := json.Marshal(req{context.WithValue(context.Background(), key{}, MU), 1}); text = fmt.Sprint(string(b), err)`},
	{"slog-context", `type key struct{}
type req struct{ Ctx context.Context; N int }`, `var b strings.Builder; slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(g []string, a slog.Attr) slog.Attr { if a.Key == "time" { return slog.Attr{} }; return a }})).Info("x", "s", req{context.WithValue(context.Background(), key{}, MU), 1}); text = b.String()`},
	{"local-harmless", `func f[T any](v T) string { type cell struct{ n int }; return fmt.Sprint(cell{1}) }`, `text = f(MU)`},
	{"local-harmless-sort", `func f[T any](v ...T) int { type cell struct{ v T; n int }; var all []cell; for i, v := range v { all = append(all, cell{v, i}) }; slices.SortFunc(all, func(a, b cell) int { return a.n - b.n }); return len(all) }`, `text = fmt.Sprint(f(MU))`},
	{"bearer-syntax", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l, L locker }
func show(v any) string { return fmt.Sprintf("%#v", v) }`, `text = show(holds{MU, nil})`},
	{"bearer-kept", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l, L locker }
var kept any`, `kept = holds{MU, nil}; text = fmt.Sprintf("%#v", kept)`},
	{"bearer-list", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l, L locker }
func show(v ...any) string { return fmt.Sprintf("%#v", v...) }`, `text = show([]locker{MU})`},
	{"bearer-map", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l, L locker }
func show(v any) string { return fmt.Sprintf("%#v", v) }`, `text = show(map[string]locker{"a": MU})`},
	{"bearer-nested", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l, L locker }
type outer struct{ any }
func show(v any) string { return fmt.Sprintf("%#v", v) }`, `text = show([]outer{{holds{MU, nil}}})`},
	{"bearer-embedded", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l, L locker }
type outer struct{ locker }
func show(v any) string { return fmt.Sprintf("%#v", v) }`, `text = show(outer{MU})`},
	{"bearer-generic", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l, L locker }
func show[T any](v T) string { return fmt.Sprintf("%#v", v) }`, `text = show(holds{MU, nil})`},
	{"bearer-generic-kept", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l, L locker }
func put[T any](v T) any { return v }
func show(v any) string { return fmt.Sprintf("%#v", v) }`, `text = show(put(holds{MU, nil}))`},
	{"bearer-error", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l, L locker }
func (holds) Error() string { return "x" }
func do(l locker) error { return holds{l, nil} }`, `text = fmt.Sprintf("%#v", errors.Unwrap(fmt.Errorf("x: %w", do(MU))))`},
	{"bearer-context", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l, L locker }
type key struct{}`, `text = fmt.Sprintf("%#v", context.WithValue(context.Background(), key{}, holds{MU, nil}).Value(key{}))`},
	{"bearer-template", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l, L locker }
func (h holds) Lock() locker { return h.l }
func show(v any) string { var b strings.Builder; err := template.Must(template.New("x").Parse("{{printf \"%T\" .Lock}}")).Execute(&b, v); return fmt.Sprint(b.String(), err) }`, `text = show(holds{MU, nil})`},
	{"bearer-recover", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l, L locker }`, `func() { defer func() { text = fmt.Sprintf("%#v", recover()) }(); panic(holds{MU, nil}) }()`},
	{"bearer-printed", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l, L locker }
func show(v any) string { return fmt.Sprintf("%+v", v) }`, `text = show(holds{MU, nil})`},
	{"keys-printed", ``, `text = fmt.Sprint(map[any]int{MU: 1, 2: 2, "x": 3})`},
	{"keys-array-printed", ``, `text = fmt.Sprint(map[[1]any]int{{MU}: 1, {2}: 2, {"x"}: 3})`},
	{"keys-kept-printed", `type locker interface{ TryLock(context.Context) error }
type holds struct{ l, L locker }
type fake struct{ locker }
func show(v any) string { return fmt.Sprint(v) }`, `text = show(map[locker]int{MU: 1, &fake{}: 2})`},
	{"keys-known-printed", ``, `m := MU; text = fmt.Sprint(map[string]any{"a": 1}, m != nil)`},
	{"slices-any", ``, `all := []any{1, MU}; ok = slices.IndexFunc(all, func(v any) bool { _, is := v.(*concurrency.Mutex); return is }) == 1 && slices.Contains(all, any(1))`},
	{"maps-any", ``, `all := map[string]any{"a": MU}; for _, v := range maps.All(all) { _, ok = v.(*concurrency.Mutex) }`},
	{"generic-atomic", `type locker interface{ TryLock(context.Context) error }
type cell[T any] struct{ v atomic.Value }
func (c *cell[T]) put(v T) { c.v.Store(v) }`, `var c cell[locker]; c.put(MU); c.put(concurrency.NewMutex(nil, "/o")); ok = true`},
}

// observed returns the source of a program: Main says what it sees.
func observed(pkg string, o, v int) string {
	owner, look := owners[o], observations[v]
	replace := strings.NewReplacer("MU", owner.mu, "HOLD", owner.hold)
	body := owner.text + "\n" + look.decl + "\n"
	do := replace.Replace(look.do)
	var b strings.Builder
	fmt.Fprintf(&b, "package %s\n\nimport (\n", pkg)
	all := "context.Background fmt.Sprint time.Sleep concurrency.NewMutex\n" + body + do
	helper := ""
	if strings.Contains(all, "fields(") {
		helper = "func fields(t reflect.Type) (s string) {\n\tfor t.Kind() == reflect.Pointer {\n\t\tt = t.Elem()\n\t}\n\tfor i := range t.NumField() {\n\t\ts += t.Field(i).Type.String() + \" \"\n\t}\n\treturn s\n}\n"
		all += "reflect."
	}
	for _, path := range []string{"bytes", "container/heap", "container/list", "container/ring", "context", "encoding/gob", "encoding/json", "encoding/xml", "errors", "expvar", "flag", "fmt", "io", "iter", "log", "log/slog", "maps", "reflect", "runtime", "runtime/cgo", "runtime/pprof", "slices", "strings", "sync", "sync/atomic", "text/template", "time", "unique", "unsafe", "weak", source.ConcurrencyPaths[0]} {
		if strings.Contains(all, filepath.Base(path)+".") {
			fmt.Fprintf(&b, "\t%q\n", path)
		}
	}
	fmt.Fprintf(&b, ")\n\n%s%s\nfunc wait(ctx context.Context) {\n\tfor %s.TryLock(ctx) != nil {\n\t\ttime.Sleep(time.Second)\n\t}\n}\n\nvar _ = wait\n", body, helper, owner.mu)
	fmt.Fprintf(&b, "\nfunc Main() (ok bool, text string) {\n\t%s\n\treturn ok, fmt.Sprint(text)\n}\n", do)
	return b.String()
}

// TestObserved generates programs that look at the type of a mutex, or of what holds one, at
// run time, and runs them before and after the rewrite: what they see is the same, or the
// finding is refused.
func TestObserved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const private = "m/internal/p" // what others put into interfaces is not known
	dir := t.TempDir()
	layOut(t, dir, nil, 0)
	if err := os.RemoveAll(filepath.Join(dir, "all")); err != nil {
		t.Fatal(err)
	}
	var imports, table bytes.Buffer
	names := []string{}
	rewrote := map[string]int{}
	for o, owner := range owners {
		for v, look := range observations {
			name := owner.name + "/" + look.name
			src := []byte(observed("p", o, v))
			in, err := b.inputOf(private, src)
			if err != nil {
				continue // this owner has no such value
			}
			pl := Analyze(in)
			if len(pl.Findings) != 1 {
				t.Fatalf("%s: %d findings\n%s", name, len(pl.Findings), src)
			}
			out := rewritten(t, pl)
			if pl.Findings[0].Tier == finding.Refuse {
				continue
			}
			if _, err := b.inputOf(private, out); err != nil {
				t.Errorf("%s: %v\n%s", name, err, out)
				continue
			}
			rewrote[owner.name]++
			rewrote[look.name]++
			for pkg, text := range map[string][]byte{"a": src, "b": out} {
				i := len(names)
				path := filepath.Join(dir, "observed", fmt.Sprintf("%s%d", pkg, i), "p.go")
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, text, 0o644); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&imports, "\t%s%d \"m/observed/%[1]s%[2]d\"\n", pkg, i)
			}
			fmt.Fprintf(&table, "\tcompare(%q, a%d.Main, b%[2]d.Main)\n", name, len(names))
			names = append(names, name)
		}
	}
	main := fmt.Sprintf("package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\t\"regexp\"\n%s)\n%s\nfunc main() {\n%s\tif differ {\n\t\tos.Exit(1)\n\t}\n}\n", &imports, observedMain, &table)
	if err := os.MkdirAll(filepath.Join(dir, "observed", "all"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "observed", "all", "main.go"), []byte(main), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", "./observed/all")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	for _, must := range mustRewrite {
		if rewrote[must] == 0 {
			t.Errorf("nothing with %s is rewritten", must)
		}
	}
	t.Logf("%d of %d programs are rewritten: %v", len(names), len(owners)*len(observations), rewrote)
}

// mustRewrite are the owners and observations that do not stand in the way of all rewrites.
var mustRewrite = []string{
	"variable", "field", "exported", "embedded", "deep", "generic", "map", "method", "function",
	"nothing", "verbs", "verbs-counted", "assert", "switch", "assert-parameter", "put-get", "plus-v", "interface", "interface-generic", "key", "convert",
	"array", "array-pointer", "core", "union", "written", "written-value", "written-slice", "context", "list", "pool", "channel", "errors-as",
	"holds", "holds-asked", "instance-printed", "key-kept", "key-of-context",
	"atomic-mixed", "bearer-printed", "json-context", "keys-known-printed", "maps-any", "slices-any", "local-harmless", "local-harmless-sort", "boxed-errors-is", "boxed-field", "boxed-map-any", "list-name-printed", "panics-elsewhere", "nil-compared", "nil-key", "nil-asked", "stringer",
}

const observedMain = `
var differ bool

var address = regexp.MustCompile("0x[0-9a-f]+")

func run(f func() (bool, string)) (s string) {
	defer func() {
		if r := recover(); r != nil {
			s = "panic"
		}
	}()
	ok, text := f()
	return fmt.Sprint(ok, " ", address.ReplaceAllString(text, "0x"))
}

func compare(name string, before, after func() (bool, string)) {
	if a, b := run(before), run(after); a != b {
		differ = true
		fmt.Printf("%s: before %q, after %q\n", name, a, b)
	}
}
`
