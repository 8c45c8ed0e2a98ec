package podview

import (
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// deleted stands for any time of deletion.
const deleted = "some time"

// typedRequest reads from Kubernetes' own types what Decode reads from text.
func typedRequest(r *admissionv1.AdmissionRequest, object, old *corev1.Pod) Request {
	return Request{
		UID:         string(r.UID),
		Kind:        GroupKind{Group: r.Kind.Group, Kind: r.Kind.Kind},
		SubResource: r.SubResource,
		Operation:   Operation(r.Operation),
		Namespace:   r.Namespace,
		Name:        r.Name,
		DryRun:      r.DryRun != nil && *r.DryRun,
		Object:      typedPod(object),
		OldObject:   typedPod(old),
	}
}

func typedPod(p *corev1.Pod) Pod {
	v := Pod{
		Metadata: Metadata{
			GenerateName: p.GenerateName,
			Labels:       Labels{Inject: p.Labels[registry.InjectLabel]},
			Annotations:  typedAnnotations(p.Annotations),
		},
	}
	v.Spec.ServiceAccountName = p.Spec.ServiceAccountName
	v.Spec.ImagePullSecrets.Present = p.Spec.ImagePullSecrets != nil
	if p.DeletionTimestamp != nil {
		v.Metadata.DeletionTimestamp = deleted
	}
	for _, o := range p.OwnerReferences {
		v.Metadata.OwnerReferences = append(v.Metadata.OwnerReferences,
			Owner{APIVersion: o.APIVersion, Kind: o.Kind, Controller: o.Controller != nil && *o.Controller})
	}
	for _, s := range p.Spec.ImagePullSecrets {
		v.Spec.ImagePullSecrets.Items = append(v.Spec.ImagePullSecrets.Items, PullSecret{Name: s.Name})
	}
	for _, c := range p.Spec.InitContainers {
		v.Spec.InitContainers = append(v.Spec.InitContainers, Container{Name: c.Name, Image: c.Image})
	}
	for _, c := range p.Spec.Containers {
		v.Spec.Containers = append(v.Spec.Containers, Container{Name: c.Name, Image: c.Image})
	}
	for _, c := range p.Spec.EphemeralContainers {
		v.Spec.EphemeralContainers = append(v.Spec.EphemeralContainers, Container{Name: c.Name, Image: c.Image})
	}
	for _, s := range p.Spec.Volumes {
		volume := Volume{Name: s.Name}
		if s.Image != nil {
			volume.Image.Reference = s.Image.Reference
		}
		v.Spec.Volumes = append(v.Spec.Volumes, volume)
	}
	return v
}

func typedAnnotations(annotations map[string]string) Annotations {
	v := Annotations{Present: annotations != nil, OriginalImages: annotations[OriginalImagesAnnotation]}
	_, v.Mirror = annotations[mirrorAnnotation]
	for name, value := range annotations {
		v.Size += len(name) + len(value)
	}
	return v
}
