package patch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSlide(t *testing.T) {
	for _, tt := range []struct {
		name        string
		old, new    string
		edits, want []edit
	}{
		{
			name:  "down, to the whole function",
			old:   "}\n\nfunc c\n",
			new:   "}\n\nfunc b\n}\n\nfunc c\n",
			edits: []edit{{0, 0, 0, 3}},
			want:  []edit{{2, 2, 2, 5}},
		},
		{
			name:  "up, to the whole table entry",
			old:   "\t{\n\t\ta\n\t},\n\t{\n\t\tc\n\t},\n",
			new:   "\t{\n\t\ta\n\t},\n\t{\n\t\tb\n\t},\n\t{\n\t\tc\n\t},\n",
			edits: []edit{{4, 4, 4, 7}},
			want:  []edit{{3, 3, 3, 6}},
		},
		{
			name:  "a deletion as well",
			old:   "}\n\nfunc b\n}\n\nfunc c\n",
			new:   "}\n\nfunc c\n",
			edits: []edit{{0, 3, 0, 0}},
			want:  []edit{{2, 5, 2, 2}},
		},
		{
			name:  "insertions stay apart, above",
			old:   "A\nx\nZ\n",
			new:   "A\np\nx\n\tq\nx\nZ\n",
			edits: []edit{{1, 1, 1, 2}, {2, 2, 3, 5}},
			want:  []edit{{1, 1, 1, 2}, {2, 2, 3, 5}},
		},
		{
			name:  "insertions stay apart, below",
			old:   "\tx\nZ\n",
			new:   "\tx\n\tx\nq\nZ\n",
			edits: []edit{{0, 0, 0, 1}, {1, 1, 2, 3}},
			want:  []edit{{0, 0, 0, 1}, {1, 1, 2, 3}},
		},
		{
			name:  "deletions stay apart, above",
			old:   "A\np\nx\n\tq\nx\nZ\n",
			new:   "A\nx\nZ\n",
			edits: []edit{{1, 2, 1, 1}, {3, 5, 2, 2}},
			want:  []edit{{1, 2, 1, 1}, {3, 5, 2, 2}},
		},
		{
			name:  "deletions stay apart, below",
			old:   "\tx\n\tx\nq\nZ\n",
			new:   "\tx\nZ\n",
			edits: []edit{{0, 1, 0, 0}, {2, 3, 1, 1}},
			want:  []edit{{0, 1, 0, 0}, {2, 3, 1, 1}},
		},
		{
			name:  "a replacement stays",
			old:   "a\nb\na\n",
			new:   "c\nb\na\n",
			edits: []edit{{0, 1, 0, 1}},
			want:  []edit{{0, 1, 0, 1}},
		},
		{
			name:  "a last line without a line feed stays last",
			old:   "a\n",
			new:   "a\na",
			edits: []edit{{1, 1, 1, 2}},
			want:  []edit{{1, 1, 1, 2}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			old, new := splitLines([]byte(tt.old)), splitLines([]byte(tt.new))
			valid(t, old, new, tt.edits)
			slide(old, new, tt.edits)
			valid(t, old, new, tt.edits)
			if diff := cmp.Diff(tt.want, tt.edits, cmp.AllowUnexported(edit{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
