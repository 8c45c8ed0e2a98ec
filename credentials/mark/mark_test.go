package mark

import (
	"testing"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestOurs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		meta metav1.ObjectMeta
		want bool
	}{
		"the label":                     {metav1.ObjectMeta{Labels: map[string]string{ManagedByLabel: ManagedBy}}, true},
		"applied, and the label is off": {metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: FieldManager, Operation: metav1.ManagedFieldsOperationApply}}}, true},
		"neither":                       {metav1.ObjectMeta{}, false},
		"another's label":               {metav1.ObjectMeta{Labels: map[string]string{ManagedByLabel: "Helm"}}, false},
		"updated, not applied":          {metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: FieldManager, Operation: metav1.ManagedFieldsOperationUpdate}}}, false},
		"applied by another":            {metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl", Operation: metav1.ManagedFieldsOperationApply}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, Ours(&tt.meta))
		})
	}
}
