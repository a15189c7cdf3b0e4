"""Words of the API: names, ``v1alpha1`` models, conditions, and models → CRD. Pydantic lives here and nowhere else."""
