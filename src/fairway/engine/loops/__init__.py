"""View -> reconcile -> effect -> fact: one small loop for each concern, driven live or in virtual time."""
